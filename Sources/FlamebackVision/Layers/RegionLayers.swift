import Flameback

/// `Tensor.roiAlign` with fixed options. SeeAlso: torchvision.ops.RoIAlign
public final class RoIAlign: Module {
  public let outputSize: [Int]
  public let spatialScale: Double
  public let samplingRatio: Int
  public let aligned: Bool

  public init(outputSize: any Sizes, spatialScale: Double, samplingRatio: Int, aligned: Bool = false) {
    self.outputSize = outputSize.sizes
    self.spatialScale = spatialScale
    self.samplingRatio = samplingRatio
    self.aligned = aligned
  }

  public func callAsFunction(_ x: Tensor, _ boxes: Tensor) -> Tensor {
    call([x, boxes]) {
      [
        $0[0].roiAlign(
          $0[1], outputSize: outputSize, spatialScale: spatialScale, samplingRatio: samplingRatio, aligned: aligned)
      ]
    }[0]
  }
}

/// `Tensor.roiPool` with fixed options. SeeAlso: torchvision.ops.RoIPool
public final class RoIPool: Module {
  public let outputSize: [Int]
  public let spatialScale: Double

  public init(outputSize: any Sizes, spatialScale: Double) {
    self.outputSize = outputSize.sizes
    self.spatialScale = spatialScale
  }

  public func callAsFunction(_ x: Tensor, _ boxes: Tensor) -> Tensor {
    call([x, boxes]) { [$0[0].roiPool($0[1], outputSize: outputSize, spatialScale: spatialScale)] }[0]
  }
}

/// Regions from the level of a feature pyramid that fits their size. SeeAlso: torchvision.ops.MultiScaleRoIAlign
public struct MultiScaleRoIAlign: Sendable {
  public let outputSize: [Int]
  public let samplingRatio: Int
  public let canonicalScale: Double
  public let canonicalLevel: Int

  public init(outputSize: any Sizes, samplingRatio: Int, canonicalScale: Int = 224, canonicalLevel: Int = 4) {
    self.outputSize = outputSize.sizes
    self.samplingRatio = samplingRatio
    self.canonicalScale = Double(canonicalScale)
    self.canonicalLevel = canonicalLevel
  }

  /// `features` are the levels [n, c, h, w], finest first; `boxes` those of each image; `imageSize` the largest image.
  public func callAsFunction(
    _ features: [Tensor], boxes: [Tensor], imageSize: (height: Int, width: Int)
  ) -> Tensor {
    let regions = Tensor.regions(boxes)
    // The level's share of the image's size, as a power of two.
    let exponents = features.map { feature in
      Tensor([Double(feature.height) / Double(imageSize.height)], dtype: .float32).log2().round().itemInt()
    }
    let scales = exponents.map { Double(sign: .plus, exponent: $0, significand: 1) }
    if features.count == 1 {
      return features[0].roiAlign(
        regions, outputSize: outputSize, spatialScale: scales[0], samplingRatio: samplingRatio)
    }
    let (low, high) = (-exponents[0], -exponents[features.count - 1])
    let area = regions.narrow(dim: 1, start: 1, length: 4).boxArea().sqrt()
    let level = (((area / canonicalScale).log2() + Double(canonicalLevel)) + 1e-6).floor().clamp(min: low, max: high)
    let target = (level - Double(low)).to(.int64)
    var parts: [Tensor] = []
    var places: [Tensor] = []
    for (i, feature) in features.enumerated() {
      let own = (target .== i).nonzeroAsTuple()[0]
      places.append(own)
      parts.append(
        feature.roiAlign(
          regions.indexSelect(dim: 0, index: own), outputSize: outputSize, spatialScale: scales[i],
          samplingRatio: samplingRatio))
    }
    return Tensor.cat(parts).indexSelect(dim: 0, index: Tensor.cat(places).argsort())
  }
}

/// Deformable convolution; the offsets come with each call. SeeAlso: torchvision.ops.DeformConv2d
public final class DeformConv2d: Module {
  public let stride: any Sizes
  public let padding: any Sizes
  public let dilation: any Sizes
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor?

  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true
  ) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    // Starts as a convolution does.
    let convolution = Conv2d(inChannels, outChannels, kernelSize: kernelSize, groups: groups, bias: bias)
    weight = convolution.weight
    self.bias = convolution.bias
  }

  public func callAsFunction(_ x: Tensor, offset: Tensor, mask: Tensor? = nil) -> Tensor {
    call([x, offset] + (mask.map { [$0] } ?? [])) {
      [
        $0[0].deformConv2d(
          offset: $0[1], weight: weight, bias: bias, stride: stride, padding: padding, dilation: dilation,
          mask: mask == nil ? nil : $0[2])
      ]
    }[0]
  }
}
