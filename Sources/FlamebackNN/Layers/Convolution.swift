import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What stands beside the edges of a convolution's input.
public enum PaddingMode: String, Sendable { case zeros, reflect, replicate, circular }

/// What convolutions of all dimensions share.
public class ConvolutionLayer: Module, UnaryLayer {
  public let inChannels: Int
  public let outChannels: Int
  public let kernelSize: [Int]
  public let stride: [Int]
  public let padding: any ConvolutionPadding
  public let dilation: [Int]
  public let groups: Int
  public let paddingMode: PaddingMode
  let outputPadding: [Int]
  let isTransposed: Bool
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor?

  init(
    _ dims: Int, _ inChannels: Int, _ outChannels: Int, _ kernelSize: any Sizes, _ stride: any Sizes,
    _ padding: any ConvolutionPadding, _ dilation: any Sizes, _ groups: Int, _ bias: Bool, _ paddingMode: PaddingMode,
    outputPadding: (any Sizes)? = nil
  ) {
    func spread(_ sizes: any Sizes) -> [Int] {
      sizes.sizes.count == 1 ? Array(repeating: sizes.sizes[0], count: dims) : sizes.sizes
    }
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.kernelSize = spread(kernelSize)
    self.stride = spread(stride)
    self.padding = (padding as? Int).map { Array(repeating: $0, count: dims) } ?? padding
    self.dilation = spread(dilation)
    self.groups = groups
    self.paddingMode = paddingMode
    self.outputPadding = outputPadding.map(spread) ?? Array(repeating: 0, count: dims)
    isTransposed = outputPadding != nil
    let fits = groups > 0 && inChannels % max(groups, 1) == 0 && outChannels % max(groups, 1) == 0
    let isShaped =
      self.kernelSize.count == dims && inChannels >= 0 && outChannels >= 0
      && self.kernelSize.allSatisfy { $0 >= 0 }
    let (rows, columns) = isTransposed ? (inChannels, outChannels) : (outChannels, inChannels)
    let shape =
      fits && isShaped ? [rows, columns / groups] + self.kernelSize : [1, 1] + self.kernelSize.map { _ in 1 }
    weight = Init.kaiming(Array(shape))
    self.bias = bias ? Init.bias([max(outChannels, 0)], fanIn: max(Shape(shape.dropFirst()).elementCount, 1)) : nil
    super.init()
    if !fits {
      let message = "channels must divide into the groups: \(inChannels) → \(outChannels) in \(groups) groups"
      report(OpError(typeName, message))
    } else if !isShaped || self.stride.count != dims || self.dilation.count != dims {
      report(OpError(typeName, "expected one number or \(dims) for kernelSize, stride and dilation"))
    } else if padding is NamedPadding, "\(padding)" == "same", self.stride.contains(where: { $0 != 1 }) {
      report(OpError(typeName, "padding 'same' is not possible with stride \(self.stride)"))
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { convolve($0) } }

  func convolve(_ x: Tensor) -> Tensor { x }

  /// The padding as the layer's own step, where it is not zeros.
  func padded(_ x: Tensor) -> (x: Tensor, padding: any ConvolutionPadding) {
    guard paddingMode != .zeros else { return (x, padding) }
    return attempt((Tensor.poisoned(x.spec), 0 as any ConvolutionPadding)) { () throws(OpError) in
      let (before, after) = try padding.zeros(kernel: kernelSize, stride: stride, dilation: dilation, op: typeName)
      let pairs = zip(before, after).reversed().flatMap { [$0, $1] }
      return (x.pad(pairs, mode: PadMode(rawValue: paddingMode.rawValue) ?? .constant), 0)
    }
  }

  public override var extraRepr: String {
    var text = "\(inChannels), \(outChannels), kernel_size=\(repr(kernelSize)), stride=\(repr(stride))"
    if let padding = padding as? [Int] {
      if padding.contains(where: { $0 != 0 }) { text += ", padding=\(repr(padding))" }
    } else {
      text += ", padding=\(padding)"
    }
    if dilation.contains(where: { $0 != 1 }) { text += ", dilation=\(repr(dilation))" }
    if outputPadding.contains(where: { $0 != 0 }) { text += ", output_padding=\(repr(outputPadding))" }
    if groups != 1 { text += ", groups=\(groups)" }
    if bias == nil { text += ", bias=False" }
    if paddingMode != .zeros { text += ", padding_mode=\(paddingMode.rawValue)" }
    return text
  }

  public override func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    let taps = weight.elementCount / max(isTransposed ? inChannels : outChannels, 1)
    let positions = isTransposed ? inputs[0].elementCount : outputs[0].elementCount
    return positions * taps + (bias == nil ? 0 : outputs[0].elementCount)
  }
}

/// Convolution of sequences. SeeAlso: torch.nn.Conv1d
public final class Conv1d: ConvolutionLayer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(
      1, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode)
  }

  override func convolve(_ x: Tensor) -> Tensor {
    let (x, padding) = padded(x)
    return x.conv1d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Convolution of images. SeeAlso: torch.nn.Conv2d
public final class Conv2d: ConvolutionLayer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(
      2, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode)
  }

  override func convolve(_ x: Tensor) -> Tensor {
    let (x, padding) = padded(x)
    return x.conv2d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Convolution of volumes. SeeAlso: torch.nn.Conv3d
public final class Conv3d: ConvolutionLayer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(
      3, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode)
  }

  override func convolve(_ x: Tensor) -> Tensor {
    let (x, padding) = padded(x)
    return x.conv3d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}
