"""Raspberry Pi Pico 2 W with a Pico-SIM7600 style modem board: the same pins as the Pico W."""

from firmware.boards import pico_w


class Board(pico_w.Board):
    name = "pico2_w"
    firmware = "RPI_PICO2_W"
    defaults = {}
