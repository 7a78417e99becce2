import Flameback

extension Tensor {
  /// Grey values in floating point.
  private var luminance: Tensor {
    let part = unbind(dim: -3)
    return (part[0] * 0.2989 + part[1] * 0.587 + part[2] * 0.114).unsqueeze(-3)
  }

  /// Grey values of an RGB image, in one channel or three. SeeAlso: torchvision.transforms.v2.functional.rgb_to_grayscale
  public func rgbToGrayscale(outputChannels: Int = 1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("rgbToGrayscale", channels: [1, 3])
      guard outputChannels == 1 || outputChannels == 3 else {
        throw OpError("rgbToGrayscale", "outputChannels must be 1 or 3, got \(outputChannels)")
      }
      let grey = channelCount == 1 ? clone() : luminance.to(dtype)
      return outputChannels == 1 ? grey : grey.expand(shape.array.dropLast(3) + [3] + shape.array.suffix(2))
    }
  }

  /// A grey image in three channels; itself if it has them. SeeAlso: torchvision.transforms.v2.functional.grayscale_to_rgb
  public func grayscaleToRGB() -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("grayscaleToRGB")
      return channelCount >= 3 ? self : rgbToGrayscale(outputChannels: 3)
    }
  }

  /// Limited to what the dtype can show.
  private func shown(as dtype: DType) -> Tensor {
    clamp(min: 0, max: dtype.isFloatingPoint ? 1.0 : dtype.imageMax).to(dtype)
  }

  private func blended(_ other: Tensor, _ ratio: Double) -> Tensor {
    (self * ratio + other * (1 - ratio)).shown(as: dtype)
  }

  private func checkFactor(_ op: String, _ factor: Double) throws(OpError) {
    try checkImage(op, channels: [1, 3])
    guard factor >= 0 else { throw OpError(op, "the factor must not be negative, got \(factor)") }
  }

  /// Brighter for factors above 1, black for 0. SeeAlso: torchvision.transforms.v2.functional.adjust_brightness
  public func adjustBrightness(_ factor: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkFactor("adjustBrightness", factor)
      return (self * factor).shown(as: dtype)
    }
  }

  /// Grey values as PIL counts them: whole numbers for integer images.
  private var wholeLuminance: Tensor { dtype.isFloatingPoint ? luminance : luminance.floor() }

  /// Nearer to the mean grey for factors below 1. SeeAlso: torchvision.transforms.v2.functional.adjust_contrast
  public func adjustContrast(_ factor: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkFactor("adjustContrast", factor)
      let grey = channelCount == 3 ? wholeLuminance : asFloat
      return blended(grey.mean(dim: [-3, -2, -1], keepDim: true), factor)
    }
  }

  /// Grey for 0, more colourful above 1. SeeAlso: torchvision.transforms.v2.functional.adjust_saturation
  public func adjustSaturation(_ factor: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkFactor("adjustSaturation", factor)
      return channelCount == 1 ? self : blended(wholeLuminance, factor)
    }
  }

  /// Blurred for 0, sharper above 1. SeeAlso: torchvision.transforms.v2.functional.adjust_sharpness
  public func adjustSharpness(_ factor: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkFactor("adjustSharpness", factor)
      if elementCount == 0 || height <= 2 || width <= 2 { return self }
      var values = [Double](repeating: 1.0 / 13, count: 9)
      values[4] = 5.0 / 13
      let image = asBatch.asFloat
      let kernel = Tensor(values, dtype: image.dtype, device: device).reshape(1, 1, 3, 3).expand(channelCount, 1, 3, 3)
      var smooth = image.conv2d(kernel, groups: channelCount)
      if !dtype.isFloatingPoint { smooth = smooth.round() }
      let change = ((smooth - image[.ellipsis, 1..<(height - 1), 1..<(width - 1)]) * (1 - factor)).constantPad([
        1, 1, 1, 1,
      ])
      return (image + change).shown(as: dtype).reshape(shape)
    }
  }

  /// The colours turned by a part of the circle, −0.5 … 0.5. SeeAlso: torchvision.transforms.v2.functional.adjust_hue
  public func adjustHue(_ factor: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("adjustHue", channels: [1, 3])
      guard (-0.5...0.5).contains(factor) else {
        throw OpError("adjustHue", "the factor must lie in [-0.5, 0.5], got \(factor)")
      }
      if channelCount == 1 || elementCount == 0 { return self }
      let (h, s, v) = toDType(.float32, scale: true).hsv
      return Tensor.rgb((h + factor) % 1.0, s, v).toDType(dtype, scale: true)
    }
  }

  /// Hue, saturation and value of an RGB image in 0 … 1.
  private var hsv: (Tensor, Tensor, Tensor) {
    let part = unbind(dim: -3)
    let (r, g) = (part[0], part[1])
    let (low, high) = aminmax(dim: -3)
    let isGrey = high .== low
    let range = high - low
    let divisor = FlamebackOps.select(where: isGrey, 1.0, range)
    let (rc, gc, bc) = ((high - r) / divisor, (high - g) / divisor, (high - part[2]) / divisor)
    let hue = FlamebackOps.select(
      where: high .== r, bc - gc, FlamebackOps.select(where: high .== g, rc + 2.0 - bc, gc + 4.0 - rc))
    return ((hue / 6.0 + 1.0).fmod(1.0), range / FlamebackOps.select(where: isGrey, 1.0, high), high)
  }

  private static func rgb(_ h: Tensor, _ s: Tensor, _ v: Tensor) -> Tensor {
    let sextant = (h * 6.0).floor()
    let f = h * 6.0 - sextant
    let q = ((1.0 - s * f) * v).clamp(min: 0.0, max: 1.0)
    let t = ((1.0 - s * (1.0 - f)) * v).clamp(min: 0.0, max: 1.0)
    let p = ((1.0 - s) * v).clamp(min: 0.0, max: 1.0)
    let choices = Tensor.stack([v, p, q, t], dim: -3)
    let table = Tensor([[0, 2, 1, 1, 3, 0], [3, 0, 0, 2, 1, 1], [1, 1, 3, 0, 0, 2]], device: h.device)
    let index = table[.all, sextant.to(.int64) % 6]  // [3, ..., h, w]
    return choices.gather(dim: -3, index: index.movedim(0, -3))
  }

  /// gain · xᵞ of an image in 0 … 1. SeeAlso: torchvision.transforms.v2.functional.adjust_gamma
  public func adjustGamma(_ gamma: Double, gain: Double = 1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard gamma >= 0 else { throw OpError("adjustGamma", "gamma must not be negative, got \(gamma)") }
      let image = dtype.isFloatingPoint ? self : toDType(.float32, scale: true)
      var result = image.pow(gamma)
      if gain != 1 { result = (result * gain).clamp(min: 0.0, max: 1.0) }
      return result.toDType(dtype, scale: true)
    }
  }
}
