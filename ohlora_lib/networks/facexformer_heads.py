"""What FaceXFormer's heads say, by name and width; torch-free."""

# token (and `<name>_prediction_head`), in the order of the sequence -> numbers that its head gives
HEADS = {
    "landmarks": 136,
    "pose": 3,
    "attribute": 40,
    "visibility": 29,
    "age": 8,
    "gender": 2,
    "race": 5,
}
ANGLES = ("pitch", "yaw", "roll")
# the 40 attributes of CelebA (Liu et al. 2015), in the order of its list_attr_celeba.txt
ATTRIBUTES = tuple(
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
    "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee "
    "Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard "
    "Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair "
    "Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie "
    "Young".split()
)

# What is read besides the class map -> numbers per picture.
WIDTHS = {
    "angles": len(ANGLES),
    "attributes": len(ATTRIBUTES),
    "age": HEADS["age"],
    "gender": HEADS["gender"],
}
