"""The record log: `ring` is its face and `cursor` where a delivery is in it, `format` how it stands on flash; `mount`,
`find` and `segments` are loaded for a moment, `kept` where another delivery than MQTT has a cursor. Handed to the
app's other parts; may import core.
"""
