"""The study's six autoencoders and our own, one file each; importing this package registers them.

model3 to model6 follow the study's report exactly (its numbers 1 to 4). The study never published
its first two: model1 and model2 are reconstructed after the sources it names.
"""

from models.architectures.model1 import model1
from models.architectures.model2 import model2
from models.architectures.model3 import model3
from models.architectures.model4 import model4
from models.architectures.model5 import model5
from models.architectures.model6 import model6
from models.architectures.model7 import model7

__all__ = ["model1", "model2", "model3", "model4", "model5", "model6", "model7"]
