import Flameback

/// An inverted residual of plain layers. SeeAlso: torchvision.models.mnasnet._InvertedResidual
final class MNASBlock: Module, UnaryLayer {
  let layers: Sequential
  let hasShortcut: Bool

  init(_ inChannels: Int, _ outChannels: Int, kernelSize: Int, stride: Int, expansion: Int, momentum: Double) {
    let middle = inChannels * expansion
    hasShortcut = inChannels == outChannels && stride == 1
    layers = Sequential(
      Conv2d(inChannels, middle, kernelSize: 1, bias: false), BatchNorm2d(middle, momentum: momentum), ReLU(),
      Conv2d(
        middle, middle, kernelSize: kernelSize, stride: stride, padding: kernelSize / 2, groups: middle, bias: false),
      BatchNorm2d(middle, momentum: momentum), ReLU(), Conv2d(middle, outChannels, kernelSize: 1, bias: false),
      BatchNorm2d(outChannels, momentum: momentum))
  }

  func callAsFunction(_ x: Tensor) -> Tensor { hasShortcut ? layers(x) + x : layers(x) }
}

/// The network that a search for speed on phones found. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.MNASNet
public final class MNASNet: Module, UnaryLayer {
  public let layers: Sequential
  public let classifier: Sequential

  /// - Parameter alpha: the factor of all widths.
  public init(_ alpha: Double, numClasses: Int = 1000, dropout: Double = 0.2) {
    let momentum = 1 - 0.9997
    let depths = [32, 16, 24, 40, 80, 96, 192, 320].map { makeDivisible(Double($0) * alpha, 8) }
    func stack(_ i: Int, _ kernelSize: Int, _ stride: Int, _ expansion: Int, _ count: Int) -> Sequential {
      Sequential(
        (0..<count).map { j -> any UnaryLayer in
          MNASBlock(
            depths[j == 0 ? i : i + 1], depths[i + 1], kernelSize: kernelSize, stride: j == 0 ? stride : 1,
            expansion: expansion, momentum: momentum)
        })
    }
    var all: [any UnaryLayer] = [
      Conv2d(3, depths[0], kernelSize: 3, stride: 2, padding: 1, bias: false),
      BatchNorm2d(depths[0], momentum: momentum), ReLU(),
      Conv2d(depths[0], depths[0], kernelSize: 3, padding: 1, groups: depths[0], bias: false),
      BatchNorm2d(depths[0], momentum: momentum), ReLU(),
      Conv2d(depths[0], depths[1], kernelSize: 1, bias: false), BatchNorm2d(depths[1], momentum: momentum),
    ]
    all += [stack(1, 3, 2, 3, 3), stack(2, 5, 2, 3, 3), stack(3, 5, 2, 6, 3)]
    all += [stack(4, 3, 1, 6, 2), stack(5, 5, 2, 6, 4), stack(6, 3, 1, 6, 1)]
    all += [
      Conv2d(depths[7], 1280, kernelSize: 1, bias: false), BatchNorm2d(1280, momentum: momentum), ReLU(),
    ]
    layers = Sequential(all)
    let head = Linear(1280, numClasses)
    classifier = Sequential(Dropout(dropout), head)
    super.init()
    initializeImageNetwork()
    Init.kaimingUniform(&head.weight, mode: .fanOut, nonlinearity: .sigmoid)
    head.bias = .zeros([numClasses])
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(layers(x).mean(dim: [2, 3])) }
}

/// SeeAlso: torchvision.models.mnasnet0_5
public func mnasnet05(numClasses: Int = 1000) -> MNASNet { MNASNet(0.5, numClasses: numClasses) }
/// SeeAlso: torchvision.models.mnasnet0_75
public func mnasnet075(numClasses: Int = 1000) -> MNASNet { MNASNet(0.75, numClasses: numClasses) }
/// SeeAlso: torchvision.models.mnasnet1_0
public func mnasnet10(numClasses: Int = 1000) -> MNASNet { MNASNet(1, numClasses: numClasses) }
/// SeeAlso: torchvision.models.mnasnet1_3
public func mnasnet13(numClasses: Int = 1000) -> MNASNet { MNASNet(1.3, numClasses: numClasses) }
