import Flameback

/// Two convolutions with pooling, then three linear layers: the classic first network for small images.
///
/// With 3 channels, 32 × 32 pixels and the default widths it is the CIFAR-10 tutorial network of PyTorch; other image
/// sizes change `fc1` alone. Input [N, channels, size, size], output [N, classes] logits.
public final class ConvNet: Module, UnaryLayer {
  let conv1: Conv2d
  let pool: MaxPool2d
  let conv2: Conv2d
  let fc1: Linear
  let fc2: Linear
  let fc3: Linear

  /// - Parameters:
  ///   - size: pixels of a side.
  ///   - widths: channels after the first and the second convolution.
  ///   - padding: pixels added around; 2 keeps the size under a kernel of 5, 1 under one of 3.
  public init(
    channels: Int = 3, size: Int = 32, classes: Int = 10, widths: (Int, Int) = (6, 16), kernelSize: Int = 5,
    padding: Int = 0
  ) {
    conv1 = Conv2d(channels, widths.0, kernelSize: kernelSize, padding: padding)
    pool = MaxPool2d(2, stride: 2)
    conv2 = Conv2d(widths.0, widths.1, kernelSize: kernelSize, padding: padding)
    let shrink = kernelSize - 1 - 2 * padding
    let side = ((size - shrink) / 2 - shrink) / 2
    fc1 = Linear(widths.1 * side * side, 120)
    fc2 = Linear(120, 84)
    fc3 = Linear(84, classes)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    var x = pool(conv1(x).relu())
    x = pool(conv2(x).relu()).flatten(startDim: 1)
    return fc3(fc2(fc1(x).relu()).relu())
  }
}

/// Three convolutions that keep the size, each with ReLU, then the average of every channel and one linear layer.
///
/// Input [N, channels, any, any], output [N, classes] logits.
public final class ThreeConvNet: Module, UnaryLayer {
  let conv1: Conv2d
  let conv2: Conv2d
  let conv3: Conv2d
  let pool = AdaptiveAvgPool2d(1)
  let fc1: Linear

  public init(channels: Int = 3, classes: Int = 10, widths: (Int, Int, Int) = (32, 64, 128)) {
    conv1 = Conv2d(channels, widths.0, kernelSize: 3, stride: 1, padding: 1)
    conv2 = Conv2d(widths.0, widths.1, kernelSize: 3, stride: 1, padding: 1)
    conv3 = Conv2d(widths.1, widths.2, kernelSize: 3, stride: 1, padding: 1)
    fc1 = Linear(widths.2, classes)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let x = conv3(conv2(conv1(x).relu()).relu()).relu()
    return fc1(pool(x).flatten(startDim: 1))
  }
}
