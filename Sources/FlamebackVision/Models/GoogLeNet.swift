import Flameback

/// A convolution without bias, a batch norm and ReLU, under the names `conv` and `bn`.
/// SeeAlso: torchvision.models.googlenet.BasicConv2d
final class BasicConv2d: Module, UnaryLayer {
  let conv: Conv2d
  let bn: BatchNorm2d

  init(_ inChannels: Int, _ outChannels: Int, _ kernelSize: any Sizes, stride: Int = 1, padding: [Int] = [0]) {
    let both = padding.count == 1 ? [padding[0], padding[0]] : padding
    conv = Conv2d(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: both, bias: false)
    bn = BatchNorm2d(outChannels, eps: 1e-3)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { bn(conv(x)).relu() }
}

extension Module {
  /// Normal numbers of that deviation, cut at ±2, in convolutions and linear layers; others say their own.
  func initializeTruncated(std: Double, _ own: [(layer: Module, std: Double)] = []) {
    for module in modules {
      let std = own.first { $0.layer === module }?.std ?? std
      switch module {
      case let layer as Conv2d: Init.truncNormal(&layer.weight, mean: 0, std: std, a: -2, b: 2)
      case let layer as Linear: Init.truncNormal(&layer.weight, mean: 0, std: std, a: -2, b: 2)
      default: continue
      }
    }
  }
}

/// Four ways side by side. SeeAlso: torchvision.models.googlenet.Inception
final class Inception: Module, UnaryLayer {
  let branch1: BasicConv2d
  let branch2: Sequential
  let branch3: Sequential
  let branch4: Sequential

  /// Channels: of the 1 × 1 way, reduced and full of the second and third, of the pooling way.
  init(_ inChannels: Int, _ c1: Int, _ reduced3: Int, _ c3: Int, _ reduced5: Int, _ c5: Int, _ pooled: Int) {
    branch1 = BasicConv2d(inChannels, c1, 1)
    branch2 = Sequential(BasicConv2d(inChannels, reduced3, 1), BasicConv2d(reduced3, c3, 3, padding: [1]))
    // The paper's 5 × 5 is 3 × 3 in torchvision and its weights.
    branch3 = Sequential(BasicConv2d(inChannels, reduced5, 1), BasicConv2d(reduced5, c5, 3, padding: [1]))
    branch4 = Sequential(
      MaxPool2d(3, stride: 1, padding: 1, ceilMode: true), BasicConv2d(inChannels, pooled, 1))
  }

  func callAsFunction(_ x: Tensor) -> Tensor { Tensor.cat([branch1(x), branch2(x), branch3(x), branch4(x)], dim: 1) }
}

/// A classifier halfway, for its gradient. SeeAlso: torchvision.models.googlenet.InceptionAux
final class GoogLeNetAux: Module, UnaryLayer {
  let conv: BasicConv2d
  let fc1: Linear
  let fc2: Linear
  let dropout: Dropout

  init(_ inChannels: Int, _ numClasses: Int, dropout: Double) {
    conv = BasicConv2d(inChannels, 128, 1)
    self.dropout = Dropout(dropout)
    fc1 = Linear(2048, 1024)
    fc2 = Linear(1024, numClasses)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    fc2(dropout(fc1(conv(x.adaptiveAvgPool2d([4, 4])).flatten(startDim: 1)).relu()))
  }
}

/// The first inception network. Input [N, 3, 224, 224], output [N, classes] logits.
/// SeeAlso: torchvision.models.GoogLeNet
public final class GoogLeNet: Module, UnaryLayer {
  let conv1 = BasicConv2d(3, 64, 7, stride: 2, padding: [3])
  let maxpool1 = MaxPool2d(3, stride: 2, ceilMode: true)
  let conv2 = BasicConv2d(64, 64, 1)
  let conv3 = BasicConv2d(64, 192, 3, padding: [1])
  let maxpool2 = MaxPool2d(3, stride: 2, ceilMode: true)
  let inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
  let inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
  let maxpool3 = MaxPool2d(3, stride: 2, ceilMode: true)
  let inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
  let inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
  let inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
  let inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
  let inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
  let maxpool4 = MaxPool2d(2, stride: 2, ceilMode: true)
  let inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
  let inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
  let aux1: GoogLeNetAux?
  let aux2: GoogLeNetAux?
  let avgpool = AdaptiveAvgPool2d(1, 1)
  let dropout: Dropout
  let fc: Linear
  private let transformsInput: Bool

  /// `auxLogits`: whether there are classifiers halfway, whose logits `withAuxiliary` gives in training mode.
  /// `transformInput`: inputs are normalised by ImageNet's mean and deviation, and are turned into the numbers between
  /// −1 and 1 that the original weights expect. `initWeights`: weights begin as truncated normal numbers, otherwise as
  /// the layers' own. `dropout` and `dropoutAux` are the probabilities before the last layers.
  public init(
    numClasses: Int = 1000, auxLogits: Bool = true, transformInput: Bool = false, initWeights: Bool = true,
    dropout: Double = 0.2, dropoutAux: Double = 0.7
  ) {
    aux1 = auxLogits ? GoogLeNetAux(512, numClasses, dropout: dropoutAux) : nil
    aux2 = auxLogits ? GoogLeNetAux(528, numClasses, dropout: dropoutAux) : nil
    self.dropout = Dropout(dropout)
    fc = Linear(1024, numClasses)
    transformsInput = transformInput
    super.init()
    if initWeights { initializeTruncated(std: 0.01) }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { withAuxiliary(x).logits }

  /// The logits [N, classes], and in training mode those of the two classifiers halfway, where there are some.
  /// SeeAlso: torchvision.models.GoogLeNetOutputs
  public func withAuxiliary(_ x: Tensor) -> (logits: Tensor, aux2: Tensor?, aux1: Tensor?) {
    var x = maxpool2(conv3(conv2(maxpool1(conv1(transformsInput ? x.normalizedToUnit() : x)))))
    x = inception4a(maxpool3(inception3b(inception3a(x))))
    let first = isTraining ? aux1?(x) : nil
    x = inception4d(inception4c(inception4b(x)))
    let second = isTraining ? aux2?(x) : nil
    x = inception5b(inception5a(maxpool4(inception4e(x))))
    return (fc(dropout(avgpool(x).flatten(startDim: 1))), second, first)
  }
}

extension Tensor {
  /// Images [N, 3, h, w] normalised by ImageNet's mean and deviation of each channel, as numbers from −1 to 1.
  func normalizedToUnit() -> Tensor {
    guard rank == 4, shape[1] == 3 else {
      return fail("transformInput", "expected images [N, 3, h, w], got \(spec)", like: spec)
    }
    let scales = [0.229, 0.224, 0.225].map { $0 / 0.5 }
    let offsets = [0.485, 0.456, 0.406].map { ($0 - 0.5) / 0.5 }
    return Tensor.cat((0..<3).map { narrow(dim: 1, start: $0, length: 1) * scales[$0] + offsets[$0] }, dim: 1)
  }
}

/// The first inception network without weights; the arguments are those of `GoogLeNet`.
/// SeeAlso: torchvision.models.googlenet
public func googlenet(
  numClasses: Int = 1000, auxLogits: Bool = true, transformInput: Bool = false, initWeights: Bool = true,
  dropout: Double = 0.2, dropoutAux: Double = 0.7
) -> GoogLeNet {
  GoogLeNet(
    numClasses: numClasses, auxLogits: auxLogits, transformInput: transformInput, initWeights: initWeights,
    dropout: dropout, dropoutAux: dropoutAux)
}
