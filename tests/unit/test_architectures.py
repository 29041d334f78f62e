"""Every registered architecture keeps the contract; the study's four are exact."""

import pytest
import torch

from models.errors import ImageSizeError, UnknownArchitectureError
from models.registry import create_model, get_architecture, list_models, register

# Table 2 of the study: latent at 224 pixels, encoder parameters, decoder parameters.
STUDY = {
    "model3": ((512, 7, 7), 3_910_784, 1_738_435),
    "model4": ((1024, 3, 3), 8_630_400, 6_457_539),
    "model5": ((1024, 3, 3), 15_268_416, 6_457_539),
    "model6": ((1024, 2, 2), 8_630_400, 8_629_379),
}
every_architecture = pytest.mark.parametrize("name", list_models())


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", STUDY)
def test_parameter_counts_and_latents_are_the_studys(name: str) -> None:
    latent, encoder, decoder = STUDY[name]
    model = create_model(name)
    assert model.latent_shape(224) == latent
    assert (parameters(model.encoder), parameters(model.decoder)) == (encoder, decoder)


@every_architecture
def test_declared_parameters_are_those_of_the_modules(name: str) -> None:
    architecture, model = get_architecture(name), create_model(name)
    assert architecture.encoder_parameters() == parameters(model.encoder)
    assert architecture.decoder_parameters() == parameters(model.decoder)


@every_architecture
@pytest.mark.parametrize("image_size", [125, 130, 160])
def test_reconstruction_has_the_inputs_size_and_the_latent_the_declared_shape(
    name: str, image_size: int
) -> None:
    model = create_model(name).eval()
    images = torch.rand(1, 3, image_size, image_size)
    with torch.inference_mode():
        latent = model.encode(images)
        assert tuple(latent.shape[1:]) == model.latent_shape(image_size)
        assert model(images).shape == images.shape


@every_architecture
def test_at_224_pixels_the_decoder_itself_returns_the_inputs_size(name: str) -> None:
    channels, height, width = get_architecture(name).latent_shape(224)
    model = create_model(name).eval()
    with torch.inference_mode():
        assert model.decoder(torch.rand(1, channels, height, width)).shape == (1, 3, 224, 224)


@every_architecture
def test_least_image_size_works_and_one_pixel_less_is_refused_by_name(name: str) -> None:
    architecture, model = get_architecture(name), create_model(name).eval()
    least = architecture.least_image_size
    with torch.inference_mode():
        assert model(torch.rand(1, 3, least, least)).shape == (1, 3, least, least)
    if least > 1:
        with pytest.raises(ImageSizeError, match=rf"{name} .* {least - 1} .* works is {least}"):
            model.encode(torch.rand(1, 3, least - 1, least - 1))


@every_architecture
def test_gradients_reach_every_parameter(name: str) -> None:
    model = create_model(name, output="sigmoid")
    images = torch.rand(2, 3, 128, 128)
    torch.nn.functional.mse_loss(model(images), images).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(("name", "gflop"), [("model3", 6.65), ("model4", 7.11), ("model6", 6.63)])
def test_gflop_are_those_measured_elsewhere(name: str, gflop: float) -> None:
    assert get_architecture(name).encoder_gflop(224) == pytest.approx(gflop, abs=0.005)


def test_unknown_architecture_names_the_choices() -> None:
    with pytest.raises(UnknownArchitectureError, match=r"no architecture 'model9'; .*model1, mod"):
        create_model("model9")


def test_a_name_cannot_be_registered_twice() -> None:
    with pytest.raises(ValueError, match="'model3' is registered twice"):
        register(get_architecture("model3"))
