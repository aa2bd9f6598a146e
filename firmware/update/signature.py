"""Checks an RSA signature (RSASSA-PKCS1-v1_5 over SHA-256, RFC 8017 section 8.2.2, exponent
65537).

Why RSA and not Ed25519: checking takes 17 multiplications of big numbers, which MicroPython does
in C, against some thousand steps of Python per check; and SHA-256 is in every build while
Ed25519's SHA-512 is in none. Each multiplication is one turn of the loop (docs/update.md has the
figures).
"""

from firmware.port import const, sleep_ms

# DER of AlgorithmIdentifier sha256 and the head of the 32 bytes that follow (RFC 8017, section
# 9.2).
_SHA256 = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
_MIN_BYTES = const(256)  # 2048 bits


def padded(digest, size):
    """The `size` bytes a signature of `digest` (32 bytes) has to open to."""
    fill = size - 3 - len(_SHA256) - len(digest)
    return b"\x00\x01" + b"\xff" * fill + b"\x00" + _SHA256 + digest


async def verify(digest, signature, modulus):
    """Whether `signature` of `digest` was made with the key of `modulus` (bytes, big end
    first).
    """
    size = len(modulus)
    if size < _MIN_BYTES or len(signature) != size:
        return False
    n = int.from_bytes(modulus, "big")
    s = int.from_bytes(signature, "big")
    if not 1 < s < n:
        return False
    x = s
    for _ in range(16):
        x = x * x % n
        await sleep_ms(0)
    x = x * s % n
    # Compared as a whole: nothing of what was signed is parsed, so nothing can be smuggled in.
    return x.to_bytes(size, "big") == padded(digest, size)
