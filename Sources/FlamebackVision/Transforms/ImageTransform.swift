import Flameback

/// Something that makes an image [..., channels, height, width] of an image. Random transforms draw from the default
/// generator, in PyTorch's order. SeeAlso: torchvision.transforms.v2.Transform
public protocol ImageTransform: Sendable {
  func callAsFunction(_ image: Tensor) -> Tensor
}

/// Transforms one after another. SeeAlso: torchvision.transforms.v2.Compose
public struct Compose: ImageTransform {
  public let transforms: [any ImageTransform]
  public init(_ transforms: [any ImageTransform]) { self.transforms = transforms }
  public init(_ transforms: any ImageTransform...) { self.transforms = transforms }
  public func callAsFunction(_ image: Tensor) -> Tensor { transforms.reduce(image) { $1($0) } }
}

/// A function as a transform. SeeAlso: torchvision.transforms.v2.Lambda
public struct Lambda: ImageTransform {
  let body: @Sendable (Tensor) -> Tensor
  public init(_ body: @escaping @Sendable (Tensor) -> Tensor) { self.body = body }
  public func callAsFunction(_ image: Tensor) -> Tensor { body(image) }
}

/// All of the transforms with probability `p`, else none. SeeAlso: torchvision.transforms.v2.RandomApply
public struct RandomApply: ImageTransform {
  public let transforms: [any ImageTransform]
  public let p: Double

  public init(_ transforms: [any ImageTransform], p: Double = 0.5) {
    self.transforms = transforms
    self.p = p
  }

  public func callAsFunction(_ image: Tensor) -> Tensor {
    Draw.happens(p) ? transforms.reduce(image) { $1($0) } : image
  }
}

/// The transforms in random order. SeeAlso: torchvision.transforms.v2.RandomOrder
public struct RandomOrder: ImageTransform {
  public let transforms: [any ImageTransform]
  public init(_ transforms: [any ImageTransform]) { self.transforms = transforms }
  public func callAsFunction(_ image: Tensor) -> Tensor {
    Generator.default.permutation(transforms.count).reduce(image) { transforms[$1]($0) }
  }
}

/// Random numbers as torchvision draws them.
enum Draw {
  /// A float32 in low ..< high.
  static func uniform(_ low: Double, _ high: Double) -> Double {
    var value: Float = 0
    withUnsafeMutableBytes(of: &value) { bytes in
      let address = bytes.baseAddress!
      Generator.default.draw { $0.fillUniform(address, count: 1, dtype: .float32, from: low, to: high) }
    }
    return Double(value)
  }

  /// True with probability `p`.
  static func happens(_ p: Double) -> Bool { uniform(0, 1) < p }

  /// An integer in 0 ..< bound.
  static func integer(below bound: Int) -> Int { Generator.default.integers(count: 1, below: bound)[0] }
}
