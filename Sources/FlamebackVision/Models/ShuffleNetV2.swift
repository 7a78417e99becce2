import Flameback

/// Half the channels pass, the others are convolved; then both are shuffled.
/// SeeAlso: torchvision.models.shufflenetv2.InvertedResidual
final class ShuffleUnit: Module, UnaryLayer {
  let branch1: Sequential
  let branch2: Sequential
  let stride: Int

  init(_ inChannels: Int, _ outChannels: Int, stride: Int) {
    self.stride = stride
    let half = outChannels / 2
    branch1 =
      stride == 1
      ? Sequential()
      : Sequential(
        Conv2d(inChannels, inChannels, kernelSize: 3, stride: stride, padding: 1, groups: inChannels, bias: false),
        BatchNorm2d(inChannels), Conv2d(inChannels, half, kernelSize: 1, bias: false), BatchNorm2d(half), ReLU())
    branch2 = Sequential(
      Conv2d(stride == 1 ? half : inChannels, half, kernelSize: 1, bias: false), BatchNorm2d(half), ReLU(),
      Conv2d(half, half, kernelSize: 3, stride: stride, padding: 1, groups: half, bias: false), BatchNorm2d(half),
      Conv2d(half, half, kernelSize: 1, bias: false), BatchNorm2d(half), ReLU())
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    if stride > 1 { return Tensor.cat([branch1(x), branch2(x)], dim: 1).channelShuffle(2) }
    let halves = x.chunk(2, dim: 1)
    return Tensor.cat([halves[0], branch2(halves[1])], dim: 1).channelShuffle(2)
  }
}

/// Fast networks for phones. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.ShuffleNetV2
public final class ShuffleNetV2: Module, UnaryLayer {
  public let conv1: Sequential
  public let maxpool = MaxPool2d(3, stride: 2, padding: 1)
  public let stage2: Sequential
  public let stage3: Sequential
  public let stage4: Sequential
  public let conv5: Sequential
  public let fc: Linear

  /// - Parameters:
  ///   - repeats: units in each of the three stages.
  ///   - channels: after the first convolution, the three stages and the last convolution.
  public init(_ repeats: [Int], _ channels: [Int], numClasses: Int = 1000) {
    func stage(_ i: Int) -> Sequential {
      Sequential(
        (0..<repeats[i]).map { j -> any UnaryLayer in
          ShuffleUnit(j == 0 ? channels[i] : channels[i + 1], channels[i + 1], stride: j == 0 ? 2 : 1)
        })
    }
    conv1 = convNormActivation(3, channels[0], stride: 2)
    stage2 = stage(0)
    stage3 = stage(1)
    stage4 = stage(2)
    conv5 = convNormActivation(channels[3], channels[4], kernelSize: 1)
    fc = Linear(channels[4], numClasses)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    fc(conv5(stage4(stage3(stage2(maxpool(conv1(x)))))).mean(dim: [2, 3]))
  }
}

/// SeeAlso: torchvision.models.shufflenet_v2_x0_5
public func shufflenetV2x05(numClasses: Int = 1000) -> ShuffleNetV2 {
  ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], numClasses: numClasses)
}
/// SeeAlso: torchvision.models.shufflenet_v2_x1_0
public func shufflenetV2x10(numClasses: Int = 1000) -> ShuffleNetV2 {
  ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], numClasses: numClasses)
}
/// SeeAlso: torchvision.models.shufflenet_v2_x1_5
public func shufflenetV2x15(numClasses: Int = 1000) -> ShuffleNetV2 {
  ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], numClasses: numClasses)
}
/// SeeAlso: torchvision.models.shufflenet_v2_x2_0
public func shufflenetV2x20(numClasses: Int = 1000) -> ShuffleNetV2 {
  ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], numClasses: numClasses)
}
