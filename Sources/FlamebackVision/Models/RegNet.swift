import Flameback

/// A bottleneck with grouped convolution and perhaps squeeze and excitation, beside a shortcut.
/// SeeAlso: torchvision.models.regnet.ResBottleneckBlock
final class RegNetBlock: Module, UnaryLayer {
  let proj: Sequential?
  let f: Sequential

  init(_ inWidth: Int, _ outWidth: Int, stride: Int, groupWidth: Int, bottleneck: Double, squeezeRatio: Double?) {
    proj =
      inWidth == outWidth && stride == 1
      ? nil : convNormActivation(inWidth, outWidth, kernelSize: 1, stride: stride, activation: nil)
    let width = Int((Double(outWidth) * bottleneck).rounded(.toNearestOrEven))
    var layers: Named<any UnaryLayer> = [
      "a": convNormActivation(inWidth, width, kernelSize: 1),
      "b": convNormActivation(width, width, stride: stride, groups: width / groupWidth),
    ]
    if let squeezeRatio {
      let squeezed = Int((squeezeRatio * Double(inWidth)).rounded(.toNearestOrEven))
      layers["se"] = SqueezeExcitation(width, squeezed)
    }
    layers["c"] = convNormActivation(width, outWidth, kernelSize: 1, activation: nil)
    f = Sequential(layers)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { ((proj?(x) ?? x) + f(x)).relu() }
}

/// Networks whose widths grow by a simple rule. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.RegNet
public final class RegNet: Module, UnaryLayer {
  public let stem: Sequential
  public let trunkOutput: Sequential
  public let avgpool = AdaptiveAvgPool2d(1)
  public let fc: Linear

  /// Widths are `w0 + wa · block`, rounded to powers of `wm` times `w0` and then to multiples of 8; equal neighbours
  /// make a stage.
  public init(
    depth: Int, w0: Int, wa: Double, wm: Double, groupWidth: Int, squeezeRatio: Double? = nil, numClasses: Int = 1000
  ) {
    stem = convNormActivation(3, 32, stride: 2)
    var stages: Named<any UnaryLayer> = [:]
    var width = 32
    for (i, stage) in RegNet.stages(depth, w0, wa, wm, groupWidth).enumerated() {
      let blocks = (0..<stage.count).map { j -> (String, any UnaryLayer) in
        (
          "block\(i + 1)-\(j)",
          RegNetBlock(
            j == 0 ? width : stage.width, stage.width, stride: j == 0 ? 2 : 1, groupWidth: stage.groupWidth,
            bottleneck: 1, squeezeRatio: squeezeRatio)
        )
      }
      stages["block\(i + 1)"] = Sequential(Named(blocks))
      width = stage.width
    }
    trunkOutput = Sequential(stages)
    fc = Linear(width, numClasses)
    super.init()
    initializeImageNetwork(linearStd: 0.01)
  }

  private static func stages(
    _ depth: Int, _ w0: Int, _ wa: Double, _ wm: Double, _ groupWidth: Int
  ) -> [(width: Int, count: Int, groupWidth: Int)] {
    let start = Double(w0)
    let ramp = Tensor.arange(depth, dtype: .float64) * wa + start
    let steps = ((ramp / start).log() / Tensor.full([], .float(wm), dtype: .float64).log()).round()
    let rounded = (start * Tensor.full([], .float(wm), dtype: .float64).pow(steps) / 8).round() * 8
    let widths = rounded.scalars(Double.self).map { Int($0) }
    var result: [(width: Int, count: Int, groupWidth: Int)] = []
    for width in widths {
      if result.last?.width == width {
        result[result.count - 1].count += 1
      } else {
        result.append((width, 1, groupWidth))
      }
    }
    return result.map { stage in
      let group = min(stage.groupWidth, stage.width)
      return (makeDivisible(Double(stage.width), group), stage.count, group)
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { fc(avgpool(trunkOutput(stem(x))).flatten(startDim: 1)) }
}

/// SeeAlso: torchvision.models.regnet_y_400mf
public func regnetY400MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 16, w0: 48, wa: 27.89, wm: 2.09, groupWidth: 8, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_800mf
public func regnetY800MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 14, w0: 56, wa: 38.84, wm: 2.4, groupWidth: 16, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_1_6gf
public func regnetY1600MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 27, w0: 48, wa: 20.71, wm: 2.65, groupWidth: 24, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_3_2gf
public func regnetY3200MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 21, w0: 80, wa: 42.63, wm: 2.66, groupWidth: 24, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_8gf
public func regnetY8GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 17, w0: 192, wa: 76.82, wm: 2.19, groupWidth: 56, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_16gf
public func regnetY16GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 18, w0: 200, wa: 106.23, wm: 2.48, groupWidth: 112, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_32gf
public func regnetY32GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 20, w0: 232, wa: 115.89, wm: 2.53, groupWidth: 232, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_y_128gf
public func regnetY128GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 27, w0: 456, wa: 160.83, wm: 2.52, groupWidth: 264, squeezeRatio: 0.25, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_400mf
public func regnetX400MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 22, w0: 24, wa: 24.48, wm: 2.54, groupWidth: 16, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_800mf
public func regnetX800MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 16, w0: 56, wa: 35.73, wm: 2.28, groupWidth: 16, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_1_6gf
public func regnetX1600MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 18, w0: 80, wa: 34.01, wm: 2.25, groupWidth: 24, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_3_2gf
public func regnetX3200MF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 25, w0: 88, wa: 26.31, wm: 2.25, groupWidth: 48, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_8gf
public func regnetX8GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 23, w0: 80, wa: 49.56, wm: 2.88, groupWidth: 120, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_16gf
public func regnetX16GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 22, w0: 216, wa: 55.59, wm: 2.1, groupWidth: 128, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.regnet_x_32gf
public func regnetX32GF(numClasses: Int = 1000) -> RegNet {
  RegNet(depth: 23, w0: 320, wa: 69.86, wm: 2.0, groupWidth: 168, numClasses: numClasses)
}
