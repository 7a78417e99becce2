import Flameback

/// Scales each channel by what two 1 × 1 convolutions make of all channels' means.
/// SeeAlso: torchvision.ops.SqueezeExcitation
public final class SqueezeExcitation: Module, UnaryLayer {
  public let avgpool = AdaptiveAvgPool2d(1)
  public let fc1: Conv2d
  public let fc2: Conv2d
  public let activation: any UnaryLayer
  public let scaleActivation: any UnaryLayer

  public init(
    _ inputChannels: Int, _ squeezeChannels: Int, activation: any UnaryLayer = ReLU(),
    scaleActivation: any UnaryLayer = Sigmoid()
  ) {
    fc1 = Conv2d(inputChannels, squeezeChannels, kernelSize: 1)
    fc2 = Conv2d(squeezeChannels, inputChannels, kernelSize: 1)
    self.activation = activation
    self.scaleActivation = scaleActivation
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in x * scaleActivation(fc2(activation(fc1(avgpool(x))))) }
  }
}
