from .finding import find_photos as find_photos
from .photo import PhotoSource as PhotoSource
from .photo import open_photo as open_photo
from .photo import to_tensor as to_tensor
