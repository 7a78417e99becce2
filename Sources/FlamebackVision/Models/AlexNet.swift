import Flameback

/// Five convolutions and three linear layers: the network of 2012. Input [N, 3, 224, 224], output [N, classes] logits.
/// SeeAlso: torchvision.models.AlexNet
public final class AlexNet: Module, UnaryLayer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(6, 6)
  public let classifier: Sequential

  public init(numClasses: Int = 1000, dropout: Double = 0.5) {
    features = Sequential(
      Conv2d(3, 64, kernelSize: 11, stride: 4, padding: 2), ReLU(), MaxPool2d(3, stride: 2),
      Conv2d(64, 192, kernelSize: 5, padding: 2), ReLU(), MaxPool2d(3, stride: 2),
      Conv2d(192, 384, kernelSize: 3, padding: 1), ReLU(), Conv2d(384, 256, kernelSize: 3, padding: 1), ReLU(),
      Conv2d(256, 256, kernelSize: 3, padding: 1), ReLU(), MaxPool2d(3, stride: 2))
    classifier = Sequential(
      Dropout(dropout), Linear(256 * 6 * 6, 4096), ReLU(), Dropout(dropout), Linear(4096, 4096), ReLU(),
      Linear(4096, numClasses))
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(avgpool(features(x)).flatten(startDim: 1)) }
}

/// SeeAlso: torchvision.models.alexnet
public func alexnet(numClasses: Int = 1000) -> AlexNet { AlexNet(numClasses: numClasses) }
