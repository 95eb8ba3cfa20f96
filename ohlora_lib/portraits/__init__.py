"""The renderer: parametric portraits with class maps and true attributes, drawn with torch."""
