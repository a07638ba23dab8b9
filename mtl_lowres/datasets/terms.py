"""Whose the published data sets are: what to cite, and the terms as far as they are stated."""

# Reader -> (source, terms).
TERMS = {
    "fir_action": (
        "Kawashima et al., AVSS 2017: extremely low-resolution far-infrared actions",
        "CC BY-NC-SA 4.0",
    ),
    "hmdb51": ("Kuehne et al., ICCV 2011: HMDB51", "see its site; the clips are of films"),
    "hmdb51_features": ("Kuehne et al., ICCV 2011: HMDB51; features of Xu et al., WACV 2018", ""),
    "lfw": ("Huang et al., 2007: Labeled Faces in the Wild", "research use only"),
    "people": ("Drawn by this package; no real person", "none"),
    "swimmers": ("Clips of swimmers as in Tandia's thesis", "not public"),
    "tip38": ("Gochoo et al., ICIP 2020: TIP38 thermal postures", "no licence stated"),
    "ucf101": ("Soomro et al., 2012: UCF101", "see its site"),
    "utkface": ("Zhang et al., CVPR 2017: UTKFace", "research use only"),
    "voc2007": ("Everingham et al., 2007: PASCAL VOC", "see its site; images are from Flickr"),
    "webface": ("Yi et al., 2014: CASIA-WebFace", "research use only"),
}
