import Flameback

/// The mirror image with probability `p`. SeeAlso: torchvision.transforms.v2.RandomHorizontalFlip
public struct RandomHorizontalFlip: ImageTransform {
  public let p: Double
  public init(p: Double = 0.5) { self.p = p }
  public func callAsFunction(_ image: Tensor) -> Tensor { Draw.happens(p) ? image.horizontalFlip() : image }
}

/// Upside down with probability `p`. SeeAlso: torchvision.transforms.v2.RandomVerticalFlip
public struct RandomVerticalFlip: ImageTransform {
  public let p: Double
  public init(p: Double = 0.5) { self.p = p }
  public func callAsFunction(_ image: Tensor) -> Tensor { Draw.happens(p) ? image.verticalFlip() : image }
}

/// Grey, in as many channels, with probability `p`. SeeAlso: torchvision.transforms.v2.RandomGrayscale
public struct RandomGrayscale: ImageTransform {
  public let p: Double
  public init(p: Double = 0.1) { self.p = p }
  public func callAsFunction(_ image: Tensor) -> Tensor {
    Draw.happens(p) ? image.rgbToGrayscale(outputChannels: image.channelCount) : image
  }
}

/// A part of the size at a random place, of the image with `padding` around it.
/// SeeAlso: torchvision.transforms.v2.RandomCrop
public struct RandomCrop: ImageTransform {
  public let size: [Int]
  public let padding: [Int]?
  public let padIfNeeded: Bool
  public let fill: [Double]
  public let mode: ImagePadMode

  public init(
    _ size: any Sizes, padding: (any Sizes)? = nil, padIfNeeded: Bool = false, fill: [Double] = [0],
    mode: ImagePadMode = .constant
  ) {
    self.size = size.sizes
    self.padding = padding?.sizes
    self.padIfNeeded = padIfNeeded
    self.fill = fill
    self.mode = mode
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    attempt(like: image) { () throws(OpError) in
      try image.checkImage("RandomCrop")
      let (height, width) = try Tensor.sides(size, "RandomCrop")
      var padded = padding.map { image.padImage($0, fill: fill, mode: mode) } ?? image
      if padIfNeeded {
        let (dy, dx) = (max(height - padded.height, 0), max(width - padded.width, 0))
        if dy + dx > 0 { padded = padded.padImage([dx, dy], fill: fill, mode: mode) }
      }
      guard height <= padded.height, width <= padded.width else {
        throw OpError("RandomCrop", "the crop \(height) × \(width) is larger than \(padded.spec)")
      }
      let top = padded.height > height ? Draw.integer(below: padded.height - height + 1) : 0
      let left = padded.width > width ? Draw.integer(below: padded.width - width + 1) : 0
      return padded.crop(top: top, left: left, height: height, width: width)
    }
  }
}

/// A random rectangle of an image: its share of the area lies in `scale`, its aspect ratio in `ratio`.
struct RandomRectangle {
  let scale: ClosedRange<Double>
  let ratio: ClosedRange<Double>

  /// Height and width, nil if `fits` refuses ten of them.
  func draw(_ image: Tensor, tall: Bool, fits: (Int, Int) -> Bool) -> (height: Int, width: Int)? {
    let logs = Tensor([ratio.lowerBound, ratio.upperBound], dtype: .float32).log().scalars(Double.self)
    for _ in 0..<10 {
      let area = Double(image.height * image.width) * Draw.uniform(scale.lowerBound, scale.upperBound)
      let aspect = Tensor([Draw.uniform(logs[0], logs[1])], dtype: .float32).exp().itemDouble()
      let long = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
      let short = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
      let (height, width) = tall ? (long, short) : (short, long)
      if fits(height, width) { return (height, width) }
    }
    return nil
  }
}

/// A random part of the image, resized. SeeAlso: torchvision.transforms.v2.RandomResizedCrop
public struct RandomResizedCrop: ImageTransform {
  public let size: [Int]
  public let scale: ClosedRange<Double>
  public let ratio: ClosedRange<Double>
  public let interpolation: InterpolationMode
  public let antialias: Bool

  public init(
    _ size: any Sizes, scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 3.0 / 4...4.0 / 3,
    interpolation: InterpolationMode = .bilinear, antialias: Bool = true
  ) {
    self.size = size.sizes.count == 1 ? [size.sizes[0], size.sizes[0]] : size.sizes
    self.scale = scale
    self.ratio = ratio
    self.interpolation = interpolation
    self.antialias = antialias
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    attempt(like: image) { () throws(OpError) in
      try image.checkImage("RandomResizedCrop")
      let (height, width) = (image.height, image.width)
      let rectangle = RandomRectangle(scale: scale, ratio: ratio)
      var part = (top: 0, left: 0, height: height, width: width)
      if let found = rectangle.draw(image, tall: false, fits: { 0 < $0 && $0 <= height && 0 < $1 && $1 <= width }) {
        part.height = found.height
        part.width = found.width
        part.top = Draw.integer(below: height - found.height + 1)
        part.left = Draw.integer(below: width - found.width + 1)
      } else {  // the largest middle part of an allowed ratio
        let own = Double(width) / Double(height)
        if own < ratio.lowerBound { part.height = Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven)) }
        if own > ratio.upperBound { part.width = Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven)) }
        part.top = (height - part.height) / 2
        part.left = (width - part.width) / 2
      }
      return image.resizedCrop(
        top: part.top, left: part.left, height: part.height, width: part.width, size: size,
        interpolation: interpolation, antialias: antialias)
    }
  }
}

/// Turned by a random angle. SeeAlso: torchvision.transforms.v2.RandomRotation
public struct RandomRotation: ImageTransform {
  public let degrees: ClosedRange<Double>
  public let interpolation: InterpolationMode
  public let expand: Bool
  public let center: [Double]?
  public let fill: [Double]?

  public init(
    _ degrees: ClosedRange<Double>, interpolation: InterpolationMode = .nearest, expand: Bool = false,
    center: [Double]? = nil, fill: [Double]? = [0]
  ) {
    self.degrees = degrees
    self.interpolation = interpolation
    self.expand = expand
    self.center = center
    self.fill = fill
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    image.rotate(
      Draw.uniform(degrees.lowerBound, degrees.upperBound), interpolation: interpolation, expand: expand,
      center: center, fill: fill)
  }
}

/// A random rectangle set to `value` (one number or one for each channel) with probability `p`.
/// SeeAlso: torchvision.transforms.v2.RandomErasing
public struct RandomErasing: ImageTransform {
  public let p: Double
  public let scale: ClosedRange<Double>
  public let ratio: ClosedRange<Double>
  public let value: [Double]

  public init(
    p: Double = 0.5, scale: ClosedRange<Double> = 0.02...0.33, ratio: ClosedRange<Double> = 0.3...3.3,
    value: [Double] = [0]
  ) {
    self.p = p
    self.scale = scale
    self.ratio = ratio
    self.value = value
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    attempt(like: image) { () throws(OpError) in
      try image.checkImage("RandomErasing")
      guard [1, image.channelCount].contains(value.count) else {
        throw OpError("RandomErasing", "\(value.count) values do not fit \(image.spec)")
      }
      let (height, width) = (image.height, image.width)
      guard Draw.happens(p),
        let part = RandomRectangle(scale: scale, ratio: ratio)
          .draw(image, tall: true, fits: { $0 < height && $1 < width })
      else { return image }
      let top = Draw.integer(below: height - part.height + 1)
      let left = Draw.integer(below: width - part.width + 1)
      let colour = Tensor(value).to(image.dtype).reshape(-1, 1, 1)
      return image.erase(top: top, left: left, height: part.height, width: part.width, value: colour)
    }
  }
}

/// Brightness, contrast, saturation and hue changed at random, in random order; nil leaves one alone.
///
/// `ColorJitter(brightness: 0.6...1.4)` draws a factor from the range. SeeAlso: torchvision.transforms.v2.ColorJitter
public struct ColorJitter: ImageTransform {
  public let brightness: ClosedRange<Double>?
  public let contrast: ClosedRange<Double>?
  public let saturation: ClosedRange<Double>?
  public let hue: ClosedRange<Double>?

  public init(
    brightness: ClosedRange<Double>? = nil, contrast: ClosedRange<Double>? = nil,
    saturation: ClosedRange<Double>? = nil, hue: ClosedRange<Double>? = nil
  ) {
    self.brightness = brightness
    self.contrast = contrast
    self.saturation = saturation
    self.hue = hue
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    let order = Generator.default.permutation(4)
    let factors = [brightness, contrast, saturation, hue].map { range in
      range.map { Draw.uniform($0.lowerBound, $0.upperBound) }
    }
    return order.reduce(image) { image, i in
      guard let factor = factors[i] else { return image }
      return switch i {
      case 0: image.adjustBrightness(factor)
      case 1: image.adjustContrast(factor)
      case 2: image.adjustSaturation(factor)
      default: image.adjustHue(factor)
      }
    }
  }
}

/// Smoothed by a Gaussian of random width. SeeAlso: torchvision.transforms.v2.GaussianBlur
public struct GaussianBlur: ImageTransform {
  public let kernelSize: [Int]
  public let sigma: ClosedRange<Double>

  public init(_ kernelSize: any Sizes, sigma: ClosedRange<Double> = 0.1...2) {
    self.kernelSize = kernelSize.sizes
    self.sigma = sigma
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    let width = Draw.uniform(sigma.lowerBound, sigma.upperBound)
    return image.gaussianBlur(kernelSize: kernelSize, sigma: [width, width])
  }
}
