"""The page: search an index by picture, in the browser. Gradio and FastAPI live here only."""

from search_ui.environment import keep_gradio_local

keep_gradio_local()
