import Flameback

/// Pixels [height, width, channels] (or [height, width]) of 0 … 255 as float32 [channels, height, width] of 0 … 1.
/// SeeAlso: torchvision.transforms.ToTensor
public struct ToTensor: ImageTransform {
  public init() {}
  public func callAsFunction(_ image: Tensor) -> Tensor {
    guard image.rank == 2 || image.rank == 3 else {
      return fail("ToTensor", "expected pixels [height, width, channels], got \(image.spec)", like: image.spec)
    }
    let planes = (image.rank == 2 ? image.unsqueeze(-1) : image).permute(2, 0, 1).contiguous()
    return image.dtype == .uint8 ? planes.to(.float32) / 255 : planes
  }
}

/// Another dtype; with `scale` white stays white. SeeAlso: torchvision.transforms.v2.ToDtype
public struct ToDType: ImageTransform {
  public let dtype: DType
  public let scale: Bool
  public init(_ dtype: DType, scale: Bool = false) {
    self.dtype = dtype
    self.scale = scale
  }
  public func callAsFunction(_ image: Tensor) -> Tensor { image.toDType(dtype, scale: scale) }
}

/// (x − mean) / std, channel by channel. SeeAlso: torchvision.transforms.v2.Normalize
public struct Normalize: ImageTransform {
  public let mean: [Double]
  public let std: [Double]
  public init(mean: [Double], std: [Double]) {
    self.mean = mean
    self.std = std
  }
  public func callAsFunction(_ image: Tensor) -> Tensor { image.normalize(mean: mean, std: std) }
}

/// Another size. SeeAlso: torchvision.transforms.v2.Resize
public struct Resize: ImageTransform {
  public let size: [Int]
  public let interpolation: InterpolationMode
  public let maxSize: Int?
  public let antialias: Bool
  public init(
    _ size: any Sizes, interpolation: InterpolationMode = .bilinear, maxSize: Int? = nil, antialias: Bool = true
  ) {
    self.size = size.sizes
    self.interpolation = interpolation
    self.maxSize = maxSize
    self.antialias = antialias
  }
  public func callAsFunction(_ image: Tensor) -> Tensor {
    image.resize(size, interpolation: interpolation, maxSize: maxSize, antialias: antialias)
  }
}

/// The middle. SeeAlso: torchvision.transforms.v2.CenterCrop
public struct CenterCrop: ImageTransform {
  public let size: [Int]
  public init(_ size: any Sizes) { self.size = size.sizes }
  public func callAsFunction(_ image: Tensor) -> Tensor { image.centerCrop(size) }
}

/// A frame around the image. SeeAlso: torchvision.transforms.v2.Pad
public struct Pad: ImageTransform {
  public let padding: [Int]
  public let fill: [Double]
  public let mode: ImagePadMode
  public init(_ padding: any Sizes, fill: [Double] = [0], mode: ImagePadMode = .constant) {
    self.padding = padding.sizes
    self.fill = fill
    self.mode = mode
  }
  public func callAsFunction(_ image: Tensor) -> Tensor { image.padImage(padding, fill: fill, mode: mode) }
}

/// Grey values. SeeAlso: torchvision.transforms.v2.Grayscale
public struct Grayscale: ImageTransform {
  public let outputChannels: Int
  public init(outputChannels: Int = 1) { self.outputChannels = outputChannels }
  public func callAsFunction(_ image: Tensor) -> Tensor { image.rgbToGrayscale(outputChannels: outputChannels) }
}
