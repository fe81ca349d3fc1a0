"""Face parsing: which pixels are skin, nose, lips and so on, as the original MuseTalk asks for its masks.

net    BiSeNet (Yu et al. 2018) on a ResNet-18
parse  from a crop to the mask of one of MuseTalk's two versions
"""
