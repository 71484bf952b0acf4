"""Everything the Streamlit app needs around the engine: state, resources, figures, the canvas."""
