import Flameback

/// Convolutions with names, and the ways in which they are run side by side.
///
/// A way is a list of names; `avg` and `max` pool. Where a way ends in two names joined by `|` both run on what came before.
/// SeeAlso: torchvision.models.inception.InceptionA
final class InceptionMixer: Module, UnaryLayer {
  let parts: Named<BasicConv2d>
  let ways: [[String]]

  override class var stateKeys: [String: String] { ["parts": ""] }

  init(_ parts: Named<BasicConv2d>, _ ways: [[String]]) { (self.parts, self.ways) = (parts, ways) }

  func callAsFunction(_ x: Tensor) -> Tensor {
    Tensor.cat(
      ways.map { way in
        way.reduce(x) { x, name in
          switch name {
          case "avg": x.avgPool2d(3, stride: 1, padding: 1)
          case "max": x.maxPool2d(3, stride: 2)
          default: Tensor.cat(name.split(separator: "|").map { parts[String($0)]!(x) }, dim: 1)
          }
        }
      }, dim: 1)
  }

  private static func wide(_ from: Int, _ to: Int) -> BasicConv2d { BasicConv2d(from, to, [1, 7], padding: [0, 3]) }
  private static func tall(_ from: Int, _ to: Int) -> BasicConv2d { BasicConv2d(from, to, [7, 1], padding: [3, 0]) }

  static func a(_ n: Int, pool: Int) -> InceptionMixer {
    InceptionMixer(
      [
        "branch1x1": BasicConv2d(n, 64, 1), "branch5x5_1": BasicConv2d(n, 48, 1),
        "branch5x5_2": BasicConv2d(48, 64, 5, padding: [2]), "branch3x3dbl_1": BasicConv2d(n, 64, 1),
        "branch3x3dbl_2": BasicConv2d(64, 96, 3, padding: [1]),
        "branch3x3dbl_3": BasicConv2d(96, 96, 3, padding: [1]), "branch_pool": BasicConv2d(n, pool, 1),
      ],
      [
        ["branch1x1"], ["branch5x5_1", "branch5x5_2"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"],
        ["avg", "branch_pool"],
      ])
  }

  static func b(_ n: Int) -> InceptionMixer {
    InceptionMixer(
      [
        "branch3x3": BasicConv2d(n, 384, 3, stride: 2), "branch3x3dbl_1": BasicConv2d(n, 64, 1),
        "branch3x3dbl_2": BasicConv2d(64, 96, 3, padding: [1]),
        "branch3x3dbl_3": BasicConv2d(96, 96, 3, stride: 2),
      ], [["branch3x3"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"], ["max"]])
  }

  static func c(_ n: Int, _ c7: Int) -> InceptionMixer {
    InceptionMixer(
      [
        "branch1x1": BasicConv2d(n, 192, 1), "branch7x7_1": BasicConv2d(n, c7, 1), "branch7x7_2": wide(c7, c7),
        "branch7x7_3": tall(c7, 192), "branch7x7dbl_1": BasicConv2d(n, c7, 1), "branch7x7dbl_2": tall(c7, c7),
        "branch7x7dbl_3": wide(c7, c7), "branch7x7dbl_4": tall(c7, c7), "branch7x7dbl_5": wide(c7, 192),
        "branch_pool": BasicConv2d(n, 192, 1),
      ],
      [
        ["branch1x1"], ["branch7x7_1", "branch7x7_2", "branch7x7_3"],
        ["branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"],
        ["avg", "branch_pool"],
      ])
  }

  static func d(_ n: Int) -> InceptionMixer {
    InceptionMixer(
      [
        "branch3x3_1": BasicConv2d(n, 192, 1), "branch3x3_2": BasicConv2d(192, 320, 3, stride: 2),
        "branch7x7x3_1": BasicConv2d(n, 192, 1), "branch7x7x3_2": wide(192, 192), "branch7x7x3_3": tall(192, 192),
        "branch7x7x3_4": BasicConv2d(192, 192, 3, stride: 2),
      ],
      [
        ["branch3x3_1", "branch3x3_2"], ["branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"], ["max"],
      ])
  }

  static func e(_ n: Int) -> InceptionMixer {
    func flat(_ from: Int) -> BasicConv2d { BasicConv2d(from, 384, [1, 3], padding: [0, 1]) }
    func steep(_ from: Int) -> BasicConv2d { BasicConv2d(from, 384, [3, 1], padding: [1, 0]) }
    return InceptionMixer(
      [
        "branch1x1": BasicConv2d(n, 320, 1), "branch3x3_1": BasicConv2d(n, 384, 1), "branch3x3_2a": flat(384),
        "branch3x3_2b": steep(384), "branch3x3dbl_1": BasicConv2d(n, 448, 1),
        "branch3x3dbl_2": BasicConv2d(448, 384, 3, padding: [1]), "branch3x3dbl_3a": flat(384),
        "branch3x3dbl_3b": steep(384), "branch_pool": BasicConv2d(n, 192, 1),
      ],
      [
        ["branch1x1"], ["branch3x3_1", "branch3x3_2a|branch3x3_2b"],
        ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3a|branch3x3dbl_3b"], ["avg", "branch_pool"],
      ])
  }
}

/// A classifier halfway, for its gradient. SeeAlso: torchvision.models.inception.InceptionAux
final class InceptionAux: Module, UnaryLayer {
  let conv0: BasicConv2d
  let conv1: BasicConv2d
  let fc: Linear

  init(_ inChannels: Int, _ numClasses: Int) {
    conv0 = BasicConv2d(inChannels, 128, 1)
    conv1 = BasicConv2d(128, 768, 5)
    fc = Linear(768, numClasses)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    fc(conv1(conv0(x.avgPool2d(5, stride: 3))).adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }
}

/// The third inception network. Input [N, 3, 299, 299], output [N, classes] logits.
/// SeeAlso: torchvision.models.Inception3
public final class Inception3: Module, UnaryLayer {
  let stem: Named<any UnaryLayer>
  let lower: Named<InceptionMixer>
  let auxLogits: InceptionAux?
  let upper: Named<InceptionMixer>
  let fc: Linear
  let dropout: Dropout
  private let transformsInput: Bool

  public override class var stateKeys: [String: String] {
    ["stem": "", "lower": "", "upper": "", "auxLogits": "AuxLogits"]
  }

  /// `auxLogits`: whether there is a classifier halfway, whose logits `withAuxiliary` gives in training mode.
  /// `transformInput`: inputs are normalised by ImageNet's mean and deviation, and are turned into the numbers between
  /// −1 and 1 that the original weights expect. `initWeights`: weights begin as truncated normal numbers, otherwise as
  /// the layers' own. `dropout` is the probability before the last layer.
  public init(
    numClasses: Int = 1000, auxLogits: Bool = true, transformInput: Bool = false, initWeights: Bool = true,
    dropout: Double = 0.5
  ) {
    stem = [
      "Conv2d_1a_3x3": BasicConv2d(3, 32, 3, stride: 2), "Conv2d_2a_3x3": BasicConv2d(32, 32, 3),
      "Conv2d_2b_3x3": BasicConv2d(32, 64, 3, padding: [1]), "maxpool1": MaxPool2d(3, stride: 2),
      "Conv2d_3b_1x1": BasicConv2d(64, 80, 1), "Conv2d_4a_3x3": BasicConv2d(80, 192, 3),
      "maxpool2": MaxPool2d(3, stride: 2),
    ]
    lower = [
      "Mixed_5b": .a(192, pool: 32), "Mixed_5c": .a(256, pool: 64), "Mixed_5d": .a(288, pool: 64), "Mixed_6a": .b(288),
      "Mixed_6b": .c(768, 128), "Mixed_6c": .c(768, 160), "Mixed_6d": .c(768, 160), "Mixed_6e": .c(768, 192),
    ]
    let aux = auxLogits ? InceptionAux(768, numClasses) : nil
    self.auxLogits = aux
    upper = ["Mixed_7a": .d(768), "Mixed_7b": .e(1280), "Mixed_7c": .e(2048)]
    fc = Linear(2048, numClasses)
    self.dropout = Dropout(dropout)
    transformsInput = transformInput
    super.init()
    if initWeights { initializeTruncated(std: 0.1, aux.map { [($0.fc, 0.001)] } ?? []) }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { withAuxiliary(x).logits }

  /// The logits [N, classes], and in training mode those of the classifier halfway, where there is one.
  /// SeeAlso: torchvision.models.InceptionOutputs
  public func withAuxiliary(_ x: Tensor) -> (logits: Tensor, aux: Tensor?) {
    let input = transformsInput ? x.normalizedToUnit() : x
    let middle = lower.reduce(stem.reduce(input) { $1.value($0) }) { $1.value($0) }
    let aux = isTraining ? auxLogits?(middle) : nil
    let top = upper.reduce(middle) { $1.value($0) }.adaptiveAvgPool2d([1, 1])
    return (fc(dropout(top).flatten(startDim: 1)), aux)
  }
}

/// The third inception network without weights; the arguments are those of `Inception3`.
/// SeeAlso: torchvision.models.inception_v3
public func inceptionV3(
  numClasses: Int = 1000, auxLogits: Bool = true, transformInput: Bool = false, initWeights: Bool = true,
  dropout: Double = 0.5
) -> Inception3 {
  Inception3(
    numClasses: numClasses, auxLogits: auxLogits, transformInput: transformInput, initWeights: initWeights,
    dropout: dropout)
}
