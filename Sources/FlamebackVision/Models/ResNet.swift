import Flameback

/// Two 3 × 3 convolutions beside a shortcut. SeeAlso: torchvision.models.resnet.BasicBlock
public final class BasicBlock: Module, UnaryLayer {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let downsample: Sequential?

  init(_ inPlanes: Int, _ planes: Int, stride: Int, downsample: Sequential?) {
    conv1 = Conv2d(inPlanes, planes, kernelSize: 3, stride: stride, padding: 1, bias: false)
    bn1 = BatchNorm2d(planes)
    conv2 = Conv2d(planes, planes, kernelSize: 3, padding: 1, bias: false)
    bn2 = BatchNorm2d(planes)
    self.downsample = downsample
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let out = bn2(conv2(bn1(conv1(x)).relu()))
    return (out + (downsample?(x) ?? x)).relu()
  }
}

/// A 3 × 3 convolution between two 1 × 1 convolutions, beside a shortcut; the stride is in the middle.
/// SeeAlso: torchvision.models.resnet.Bottleneck
public final class Bottleneck: Module, UnaryLayer {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let conv3: Conv2d
  let bn3: BatchNorm2d
  let downsample: Sequential?

  init(_ inPlanes: Int, _ planes: Int, stride: Int, groups: Int, widthPerGroup: Int, downsample: Sequential?) {
    let width = planes * widthPerGroup / 64 * groups
    conv1 = Conv2d(inPlanes, width, kernelSize: 1, bias: false)
    bn1 = BatchNorm2d(width)
    conv2 = Conv2d(width, width, kernelSize: 3, stride: stride, padding: 1, groups: groups, bias: false)
    bn2 = BatchNorm2d(width)
    conv3 = Conv2d(width, planes * 4, kernelSize: 1, bias: false)
    bn3 = BatchNorm2d(planes * 4)
    self.downsample = downsample
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let out = bn3(conv3(bn2(conv2(bn1(conv1(x)).relu())).relu()))
    return (out + (downsample?(x) ?? x)).relu()
  }
}

/// Residual networks. Input [N, 3, any, any], output [N, classes] logits. SeeAlso: torchvision.models.ResNet
public final class ResNet: Module, UnaryLayer {
  public let conv1: Conv2d
  public let bn1: BatchNorm2d
  public let relu = ReLU()
  public let maxpool = MaxPool2d(3, stride: 2, padding: 1)
  public let layer1: Sequential
  public let layer2: Sequential
  public let layer3: Sequential
  public let layer4: Sequential
  public let avgpool = AdaptiveAvgPool2d(1, 1)
  public let fc: Linear

  /// - Parameters:
  ///   - layers: how many blocks in each of the four stages.
  ///   - bottleneck: whether blocks are `Bottleneck` rather than `BasicBlock`.
  public init(
    _ layers: [Int], bottleneck: Bool, groups: Int = 1, widthPerGroup: Int = 64, numClasses: Int = 1000
  ) {
    let expansion = bottleneck ? 4 : 1
    var inPlanes = 64
    func stage(_ planes: Int, _ count: Int, stride: Int) -> Sequential {
      Sequential(
        (0..<count).map { i -> any UnaryLayer in
          let stride = i == 0 ? stride : 1
          var downsample: Sequential?
          if stride != 1 || inPlanes != planes * expansion {
            downsample = Sequential(
              Conv2d(inPlanes, planes * expansion, kernelSize: 1, stride: stride, bias: false),
              BatchNorm2d(planes * expansion))
          }
          defer { inPlanes = planes * expansion }
          return bottleneck
            ? Bottleneck(
              inPlanes, planes, stride: stride, groups: groups, widthPerGroup: widthPerGroup, downsample: downsample)
            : BasicBlock(inPlanes, planes, stride: stride, downsample: downsample)
        })
    }
    conv1 = Conv2d(3, 64, kernelSize: 7, stride: 2, padding: 3, bias: false)
    bn1 = BatchNorm2d(64)
    layer1 = stage(64, layers[0], stride: 1)
    layer2 = stage(128, layers[1], stride: 2)
    layer3 = stage(256, layers[2], stride: 2)
    layer4 = stage(512, layers[3], stride: 2)
    fc = Linear(512 * expansion, numClasses)
    super.init()
    initializeImageNetwork()
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let x = maxpool(relu(bn1(conv1(x))))
    return fc(avgpool(layer4(layer3(layer2(layer1(x))))).flatten(startDim: 1))
  }
}

/// SeeAlso: torchvision.models.resnet18
public func resnet18(numClasses: Int = 1000) -> ResNet {
  ResNet([2, 2, 2, 2], bottleneck: false, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnet34
public func resnet34(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 6, 3], bottleneck: false, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnet50
public func resnet50(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 6, 3], bottleneck: true, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnet101
public func resnet101(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 23, 3], bottleneck: true, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnet152
public func resnet152(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 8, 36, 3], bottleneck: true, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnext50_32x4d
public func resnext50x32x4d(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 6, 3], bottleneck: true, groups: 32, widthPerGroup: 4, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnext101_32x8d
public func resnext101x32x8d(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 23, 3], bottleneck: true, groups: 32, widthPerGroup: 8, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.resnext101_64x4d
public func resnext101x64x4d(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 23, 3], bottleneck: true, groups: 64, widthPerGroup: 4, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.wide_resnet50_2
public func wideResnet50x2(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 6, 3], bottleneck: true, widthPerGroup: 128, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.wide_resnet101_2
public func wideResnet101x2(numClasses: Int = 1000) -> ResNet {
  ResNet([3, 4, 23, 3], bottleneck: true, widthPerGroup: 128, numClasses: numClasses)
}
