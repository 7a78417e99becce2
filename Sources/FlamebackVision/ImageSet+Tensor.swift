import Flameback
import FlamebackFiles

extension ImageSet {
  /// Images as float32 [N, channels, height, width], `scale` becoming 1, and labels as int64 [N].
  public func tensors(scale: Double = 255) -> (images: Tensor, labels: Tensor) {
    let images = Tensor(pixels, shape: [count, channels, height, width]).to(.float32) / scale
    return (images, Tensor(labels, shape: [count]).to(.int64))
  }
}

extension RawImage {
  /// The image as float32 [channels, height, width], 0 … 1. SeeAlso: torchvision.transforms.ToTensor
  public var tensor: Tensor {
    (Tensor(pixels, shape: [height, width, channels]).permute(2, 0, 1).to(.float32) / 255).contiguous()
  }
}
