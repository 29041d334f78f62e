"""Colours, type and spacing of Gradio's own components; the page's are in static/page.css."""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

# The bundled SemiBold file lacks most letters: 400 and 700 are complete.
_TYPEFACE = (LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif")
_MONOSPACE = ("ui-monospace", "Menlo", "Consolas", "monospace")


def make_theme() -> gr.themes.Base:
    """The theme; every colour refers to a variable of page.css, which knows light and dark."""
    theme = gr.themes.Base(
        font=_TYPEFACE,
        font_mono=_MONOSPACE,
        neutral_hue=gr.themes.colors.zinc,
        primary_hue=gr.themes.colors.indigo,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_sm,
    )
    colours = {
        "body_background_fill": "var(--canvas)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--muted)",
        "background_fill_primary": "var(--panel)",
        "background_fill_secondary": "var(--canvas)",
        "block_background_fill": "transparent",
        "block_border_color": "transparent",
        "block_label_background_fill": "transparent",
        "block_label_text_color": "var(--muted)",
        "block_title_text_color": "var(--ink)",
        "border_color_primary": "var(--line)",
        "border_color_accent": "var(--accent)",
        "color_accent_soft": "var(--accent-soft)",
        "input_background_fill": "var(--panel)",
        "input_border_color": "var(--line)",
        "input_border_color_focus": "var(--accent)",
    }
    dark = {f"{name}_dark": colour for name, colour in colours.items()}
    return theme.set(
        block_title_text_weight="700",
        block_padding="0px",
        block_border_width="0px",
        block_shadow="none",
        **colours,
        **dark,
    )
