"""Sound files: RIFF WAVE with integers of 8, 16, 24 or 32 bits, or floats of 32 or 64."""

import struct

import numpy as np

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


def read_wav(path):
    """Return (rate, samples): samples per second, and (samples, channels) float64, integers scaled to [-1, 1).

    Format: IBM and Microsoft, "Multimedia Programming Interface and Data Specifications 1.0" (1991), and the extensible
    header that names the format in the first two bytes of a GUID. A file that ends early gives the samples it has.
    Raises ValueError for files that are none, are compressed, or have no samples or infinite ones; OSError
    as open does.
    """
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError(f"{path}: expected a RIFF WAVE file, it begins with {content[:4]!r}")
    chunks = dict(_chunks(content))
    if len(chunks.get(b"fmt ", b"")) < 16 or b"data" not in chunks:
        raise ValueError(f"{path}: the file has no format or no samples")
    form = chunks[b"fmt "]
    code, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", form)
    if code == _EXTENSIBLE and len(form) >= 26:
        code = struct.unpack_from("<H", form, 24)[0]
    size = bits // 8
    if (code, bits) not in {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}:
        raise ValueError(f"{path}: got format {code} with {bits} bits, expected PCM of 8, 16, 24 or 32 bits or floats")
    if not channels or frame != channels * size:
        raise ValueError(f"{path}: {channels} channels of {size} bytes do not make frames of {frame} bytes")
    data = chunks[b"data"]
    data = data[: len(data) // frame * frame]
    samples = _samples(data, code, size).reshape(-1, channels)
    if not len(samples):
        raise ValueError(f"{path}: the file has no samples")
    if not (finite := np.isfinite(samples).all(1)).all():
        raise ValueError(f"{path}: sample {int(np.argmin(finite)):,} is not finite, expected numbers")
    return rate, samples


def wav_bytes(rate, samples):
    """Return the bytes of a file of samples (S, channels) as floats of 32 bits. Raises ValueError for more than such a
    file can hold."""
    content = np.ascontiguousarray(samples, "<f4").tobytes()
    channels = samples.shape[1]
    if len(content) + 50 >= 1 << 32 or channels >= 1 << 16:
        raise ValueError(f"samples: {samples.shape[0]:,} of {channels:,} channels are more than a .wav file can hold")
    form = struct.pack("<HHIIHHH", _FLOAT, channels, rate, 4 * channels * rate, 4 * channels, 32, 0)
    chunks = ((b"fmt ", form), (b"fact", struct.pack("<I", len(samples))), (b"data", content))
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part for name, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(content):
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name, memoryview(content)[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _samples(data, code, size):
    if code == _FLOAT:
        return np.frombuffer(data, f"<f{size}").astype(np.float64)
    if size == 1:  # without sign, 128 is silence
        return np.frombuffer(data, np.uint8) / 128.0 - 1
    # 24 bits become the upper bytes of 32, so that the sign is where NumPy expects it.
    whole = np.zeros((len(data) // size, 4 if size == 3 else size), np.uint8)
    whole[:, -size:] = np.frombuffer(data, np.uint8).reshape(-1, size)
    integers = whole.view(f"<i{whole.shape[1]}")[:, 0]
    return integers / float(1 << (8 * whole.shape[1] - 1))
