import Flameback

/// A convolution without bias, a batch norm and perhaps an activation: the unit of most image networks.
///
/// The padding keeps the size under stride 1. SeeAlso: torchvision.ops.Conv2dNormActivation
public func convNormActivation(
  _ inChannels: Int, _ outChannels: Int, kernelSize: Int = 3, stride: Int = 1, groups: Int = 1, dilation: Int = 1,
  eps: Double = 1e-5, momentum: Double = 0.1, activation: (any UnaryLayer)? = ReLU()
) -> Sequential {
  var layers: [any UnaryLayer] = [
    Conv2d(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: (kernelSize - 1) / 2 * dilation,
      dilation: dilation, groups: groups, bias: false),
    BatchNorm2d(outChannels, eps: eps, momentum: momentum),
  ]
  if let activation { layers.append(activation) }
  return Sequential(layers)
}

/// The nearest multiple of `divisor`, at most a tenth below `value`: the widths of mobile networks.
func makeDivisible(_ value: Double, _ divisor: Int, atLeast minimum: Int? = nil) -> Int {
  let rounded = max(minimum ?? divisor, Int(value + Double(divisor) / 2) / divisor * divisor)
  return Double(rounded) < 0.9 * value ? rounded + divisor : rounded
}

extension Module {
  /// Fills convolutions with He's normal numbers and norms with 1 and 0, as most image networks start.
  /// Linear layers get normal numbers of deviation `linearStd` if it is given.
  func initializeImageNetwork(linearStd: Double? = nil) {
    for module in modules {
      switch module {
      case let layer as Conv2d:
        Init.kaimingNormal(&layer.weight, mode: .fanOut, nonlinearity: .relu)
        if let bias = layer.bias { layer.bias = .zerosLike(bias) }
      case let layer as BatchNorm2d:
        layer.weight = .ones([layer.numFeatures])
        layer.bias = .zeros([layer.numFeatures])
      case let layer as Linear:
        guard let linearStd else { continue }
        Init.normal(&layer.weight, mean: 0, std: linearStd)
        if let bias = layer.bias { layer.bias = .zerosLike(bias) }
      default: continue
      }
    }
  }
}
