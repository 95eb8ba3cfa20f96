"""Both algorithms of the property scores as plain Python loops: slow and obvious, for comparison.

Straight from the description of the method, sharing no code with `ohlora_lib.scores`. Each function
takes one class map (224 lists of 224 integers) and one picture (the same, of [r, g, b] lists).
"""

import math

SIDE = 224  # of a class map; functions without _v1 in their name are those of algorithm v2


def brightness(picture: list, y: int, x: int) -> float:
    """Return the plain mean of the three channels of a pixel."""
    red, green, blue = picture[y][x]
    return (red + green + blue) / 3


def places(class_map: list, value: int, rows: range, columns: range) -> list:
    """Return (y, x) of every pixel of a class in a window, in row-major order."""
    return [(y, x) for y in rows for x in columns if class_map[y][x] == value]


def eye_pixels(class_map: list) -> tuple[list, list]:
    """Return the pixels of the eye at the left and of the one at the right of the picture."""
    rows = range(56, 168)
    return (
        places(class_map, 4, rows, range(168)),
        places(class_map, 5, rows, range(56, 224)),
    )


def eyes(class_map: list, picture: list) -> float:
    """Return the larger opening of the two eyes, by trying all pairs of pixels."""
    values = []
    for found in eye_pixels(class_map):
        height = 0
        for column in {x for _, x in found}:
            in_column = [y for y, x in found if x == column]
            height = max(height, max(in_column) - min(in_column))
        farthest, cosine = 0, 1.0
        for i, (y1, x1) in enumerate(found):
            for y2, x2 in found[i + 1 :]:
                squared = (y2 - y1) ** 2 + (x2 - x1) ** 2
                if squared > farthest:
                    farthest = squared
                    cosine = abs(x2 - x1) / math.sqrt(squared)
        values.append(height * cosine)
    return max(values)


def hair_color(class_map: list, picture: list) -> float:
    """Return the mean brightness of the hair between the 10 % and the 90 % position."""
    hair = places(class_map, 10, range(SIDE), range(SIDE))
    levels = sorted(brightness(picture, y, x) for y, x in hair)
    kept = levels[int(0.1 * len(levels)) : int(0.9 * len(levels))]
    return sum(kept) / len(kept) if kept else 127.5


def hair_length(class_map: list, picture: list) -> float:
    """Return the number of rows with enough hair, and half its width at the lower edge."""
    score = 0.0
    for y in range(56, SIDE):
        if sum(value == 10 for value in class_map[y]) >= 20:
            score += 1
            if y == SIDE - 1:
                left = sum(value == 10 for value in class_map[y][:112])
                right = sum(value == 10 for value in class_map[y][112:])
                score += max(left - 10, 0) / 2 + max(right - 10, 0) / 2
    return score


def mouth(class_map: list, picture: list) -> float:
    """Return the share of the inner mouth in the mouth."""
    counts = {7: 0, 8: 0, 9: 0}
    for row in class_map:
        for value in row:
            if value in counts:
                counts[value] += 1
    total = sum(counts.values())
    return counts[8] / total if total else 0.0


def pose(class_map: list, picture: list) -> float:
    """Return the slope of the line through the centres of the eyes."""
    left, right = eye_pixels(class_map)
    if not left or not right:
        return 0.0
    rise = sum(y for y, _ in right) / len(right) - sum(y for y, _ in left) / len(left)
    run = sum(x for _, x in right) / len(right) - sum(x for _, x in left) / len(left)
    return rise / run if run else math.nan


def background(class_map: list, picture: list) -> tuple[float, float]:
    """Return mean and standard deviation of the trimmed brightness of the upper background."""
    found = places(class_map, 0, range(112), range(SIDE))
    levels = sorted(brightness(picture, y, x) for y, x in found)
    if not levels:
        return 192.0, 0.0
    if len(levels) > 1:
        levels = levels[int(0.05 * len(levels)) : int(0.95 * len(levels))]
    mean = sum(levels) / len(levels)
    return mean, math.sqrt(sum((level - mean) ** 2 for level in levels) / len(levels))


def background_mean(class_map: list, picture: list) -> float:
    """Return the trimmed mean brightness of the upper background."""
    return background(class_map, picture)[0]


def background_std(class_map: list, picture: list) -> float:
    """Return the trimmed standard deviation of the brightness of the upper background."""
    return background(class_map, picture)[1]


def hairstyle(class_map: list, picture: list) -> float:
    """Return how much the hair changes downwards relative to sideways."""

    def block_mean(top: int, left: int) -> float:
        levels = [brightness(picture, top + y, left + x) for y in range(4) for x in range(4)]
        return sum(levels) / 16

    values = []
    for y in range(112, 213):
        for x in range(8, 213):
            tested = [(y, x), (y + 3, x + 3), (y + 8, x), (y + 11, x + 3)]
            tested += [(y, x - 8), (y + 3, x - 11), (y, x + 8), (y + 3, x + 11)]
            if all(class_map[row][column] == 10 for row, column in tested):
                here = block_mean(y, x)
                left, right = block_mean(y, x - 8), block_mean(y, x + 8)
                sideways = max(abs(here - left), abs(here - right))
                values.append(abs(here - block_mean(y + 8, x)) / (sideways + 5))
    return sum(values) / len(values) if values else 0.45


def height(found: list) -> int:
    """Return the highest row minus the lowest of (y, x) pixels; 0 without pixels."""
    rows = [y for y, _ in found]
    return max(rows) - min(rows) if rows else 0


def eyes_v1(class_map: list, picture: list) -> float:
    """Return the mean height of the eyes."""
    rows = range(56, 140)
    left = places(class_map, 4, rows, range(168))
    right = places(class_map, 5, rows, range(56, SIDE))
    return (height(left) + height(right)) / 2


def hair_color_v1(class_map: list, picture: list) -> float:
    """Return the median brightness of the hair; NaN without hair."""
    hair = places(class_map, 10, range(SIDE), range(SIDE))
    levels = sorted(brightness(picture, y, x) for y, x in hair)
    half = len(levels) // 2
    if not levels:
        return math.nan
    return levels[half] if len(levels) % 2 else (levels[half - 1] + levels[half]) / 2


def hair_length_v1(class_map: list, picture: list) -> float:
    """Return the lowest row of the hair, and half its width at the lower edge; NaN without hair."""
    hair = places(class_map, 10, range(SIDE), range(SIDE))
    if not hair:
        return math.nan
    return max(y for y, _ in hair) + sum(y == SIDE - 1 for y, _ in hair) / 2


def mouth_v1(class_map: list, picture: list) -> float:
    """Return the height of the lips plus that of the inner mouth."""
    every = range(SIDE)
    lips = places(class_map, 7, every, every) + places(class_map, 9, every, every)
    return height(lips) + height(places(class_map, 8, every, every))


def pose_v1(class_map: list, picture: list) -> float:
    """Return minus the correlation of x and y over the nose; NaN where it is undefined."""
    nose = places(class_map, 6, range(SIDE), range(SIDE))
    if not nose:
        return math.nan
    mean_y = sum(y for y, _ in nose) / len(nose)
    mean_x = sum(x for _, x in nose) / len(nose)
    both = sum((y - mean_y) * (x - mean_x) for y, x in nose)
    scale = sum((y - mean_y) ** 2 for y, _ in nose) * sum((x - mean_x) ** 2 for _, x in nose)
    return -both / math.sqrt(scale) if scale else math.nan


SCORES = {  # by algorithm
    "v1": {
        "eyes": eyes_v1,
        "hair_color": hair_color_v1,
        "hair_length": hair_length_v1,
        "mouth": mouth_v1,
        "pose": pose_v1,
        "background_mean": background_mean,
        "background_std": background_std,
    },
    "v2": {
        "eyes": eyes,
        "hair_color": hair_color,
        "hair_length": hair_length,
        "mouth": mouth,
        "pose": pose,
        "background_mean": background_mean,
        "background_std": background_std,
        "hairstyle": hairstyle,
    },
}
