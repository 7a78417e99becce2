import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What transposed convolutions of all dimensions share.
public class TransposedConvolutionLayer: ConvolutionLayer {
  public override func callAsFunction(_ x: Tensor) -> Tensor { callAsFunction(x, outputSize: nil) }

  /// `outputSize` chooses among the sizes that the same input size can come from.
  public func callAsFunction(_ x: Tensor, outputSize: [Int]?) -> Tensor {
    call(x) { x in
      guard let outputSize else { return transpose(x, outputPadding) }
      let dims = kernelSize.count
      let wanted = Array(outputSize.suffix(dims))
      let padding = (self.padding as? [Int]) ?? Array(repeating: 0, count: dims)
      guard wanted.count == dims, x.rank > dims else {
        return fail(typeName, "outputSize must have \(dims) numbers, got \(outputSize)", like: x.spec)
      }
      let sizes = x.shape.array.suffix(dims)
      var extra: [Int] = []
      for (d, size) in sizes.enumerated() {
        let least = (size - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernelSize[d] - 1) + 1
        guard wanted[d] >= least, wanted[d] < least + stride[d] else {
          let range = "\(least) to \(least + stride[d] - 1)"
          return fail(typeName, "output size \(wanted[d]) is not possible: \(range) are", like: x.spec)
        }
        extra.append(wanted[d] - least)
      }
      return transpose(x, extra)
    }
  }

  func transpose(_ x: Tensor, _ outputPadding: [Int]) -> Tensor { x }
}

/// Transposed convolution of sequences. SeeAlso: torch.nn.ConvTranspose1d
public final class ConvTranspose1d: TransposedConvolutionLayer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, bias: Bool = true, dilation: any Sizes = 1
  ) {
    super.init(
      1, inChannels, outChannels, kernelSize, stride,
      padding.sizes.count == 1 ? Array(repeating: padding.sizes[0], count: 1) : padding.sizes,
      dilation, groups, bias, .zeros, outputPadding: outputPadding)
  }

  override func transpose(_ x: Tensor, _ outputPadding: [Int]) -> Tensor {
    x.convTranspose1d(
      weight, bias, stride: stride, padding: (padding as? [Int]) ?? [0], outputPadding: outputPadding, groups: groups,
      dilation: dilation)
  }
}

/// Transposed convolution of images. SeeAlso: torch.nn.ConvTranspose2d
public final class ConvTranspose2d: TransposedConvolutionLayer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, bias: Bool = true, dilation: any Sizes = 1
  ) {
    super.init(
      2, inChannels, outChannels, kernelSize, stride,
      padding.sizes.count == 1 ? Array(repeating: padding.sizes[0], count: 2) : padding.sizes,
      dilation, groups, bias, .zeros, outputPadding: outputPadding)
  }

  override func transpose(_ x: Tensor, _ outputPadding: [Int]) -> Tensor {
    x.convTranspose2d(
      weight, bias, stride: stride, padding: (padding as? [Int]) ?? [0], outputPadding: outputPadding, groups: groups,
      dilation: dilation)
  }
}

/// Transposed convolution of volumes. SeeAlso: torch.nn.ConvTranspose3d
public final class ConvTranspose3d: TransposedConvolutionLayer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, bias: Bool = true, dilation: any Sizes = 1
  ) {
    super.init(
      3, inChannels, outChannels, kernelSize, stride,
      padding.sizes.count == 1 ? Array(repeating: padding.sizes[0], count: 3) : padding.sizes,
      dilation, groups, bias, .zeros, outputPadding: outputPadding)
  }

  override func transpose(_ x: Tensor, _ outputPadding: [Int]) -> Tensor {
    x.convTranspose3d(
      weight, bias, stride: stride, padding: (padding as? [Int]) ?? [0], outputPadding: outputPadding, groups: groups,
      dilation: dilation)
  }
}
