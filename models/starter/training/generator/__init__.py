"""Captioned procedural objects: tables of signed-distance primitives with part colours. z up, front towards -y."""
