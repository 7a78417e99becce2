import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Ways to fill parameters: `Init.xavierUniform(&layer.weight)`. Equal seeds give PyTorch's numbers.
/// SeeAlso: torch.nn.init
public enum Init {
  /// What a gain belongs to.
  public enum Nonlinearity: Sendable {
    case linear, sigmoid, tanh, relu, selu
    case leakyRelu(Double = 0.01)
  }

  /// Whether the forward or the backward pass keeps its variance.
  public enum FanMode: String, Sendable { case fanIn = "fan_in", fanOut = "fan_out" }

  /// The factor by which a function changes the deviation. SeeAlso: torch.nn.init.calculate_gain
  public static func calculateGain(_ nonlinearity: Nonlinearity) -> Double {
    switch nonlinearity {
    case .linear, .sigmoid: 1
    case .tanh: 5.0 / 3
    case .relu: 2.0.squareRoot()
    case .leakyRelu(let slope): (2 / (1 + slope * slope)).squareRoot()
    case .selu: 3.0 / 4
    }
  }

  /// The numbers of inputs and outputs that an element of a weight connects.
  static func fans(_ shape: Shape, op: String) -> (fanIn: Int, fanOut: Int) {
    guard shape.count >= 2 else {
      report(OpError(op, "fans need a tensor of at least 2 dimensions, got \(shape)"))
      return (1, 1)
    }
    let field = Shape(shape.dropFirst(2)).elementCount
    return (shape[1] &* field, shape[0] &* field)
  }

  /// Uniform in [a, b). SeeAlso: torch.nn.init.uniform_
  public static func uniform(_ tensor: inout Tensor, _ a: Double = 0, _ b: Double = 1, generator: Generator? = nil) {
    tensor = Draw.uniform(tensor.spec, a, b, generator)
  }

  /// Normal. SeeAlso: torch.nn.init.normal_
  public static func normal(
    _ tensor: inout Tensor, mean: Double = 0, std: Double = 1, generator: Generator? = nil
  ) {
    tensor = Draw.normal(tensor.spec, mean, std, generator)
  }

  /// One value. SeeAlso: torch.nn.init.constant_
  public static func constant(_ tensor: inout Tensor, _ value: Double) {
    tensor = Tensor.filled(.float(value), tensor.spec)
  }

  /// SeeAlso: torch.nn.init.ones_
  public static func ones(_ tensor: inout Tensor) { constant(&tensor, 1) }

  /// SeeAlso: torch.nn.init.zeros_
  public static func zeros(_ tensor: inout Tensor) { constant(&tensor, 0) }

  /// The identity matrix. SeeAlso: torch.nn.init.eye_
  public static func eye(_ tensor: inout Tensor) {
    guard tensor.rank == 2 else { return report(OpError("eye", "expected a matrix, got \(tensor.spec)")) }
    fill(&tensor) { elements, shape in
      for i in 0..<min(shape[0], shape[1]) { elements[i * shape[1] + i] = 1 }
    }
  }

  /// The convolution that keeps its input, as far as there are channels. SeeAlso: torch.nn.init.dirac_
  public static func dirac(_ tensor: inout Tensor, groups: Int = 1) {
    let shape = tensor.shape
    guard (3...5).contains(tensor.rank), groups > 0, shape[0] % groups == 0 else {
      let message = "expected 3 to 5 dimensions, the first a multiple of \(groups), got \(tensor.spec)"
      return report(OpError("dirac", message))
    }
    let rows = shape[0] / groups
    fill(&tensor) { elements, shape in
      let strides = shape.contiguousStrides
      let centre = (2..<shape.count).reduce(0) { $0 + shape[$1] / 2 * strides[$1] }
      for group in 0..<groups {
        for d in 0..<min(rows, shape[1]) {
          elements[(group * rows + d) * strides[0] + d * strides[1] + centre] = 1
        }
      }
    }
  }

  /// Uniform, so that variances stay in both directions. SeeAlso: torch.nn.init.xavier_uniform_
  public static func xavierUniform(_ tensor: inout Tensor, gain: Double = 1, generator: Generator? = nil) {
    let (fanIn, fanOut) = fans(tensor.shape, op: "xavierUniform")
    let bound = 3.0.squareRoot() * (gain * (2 / Double(fanIn + fanOut)).squareRoot())
    uniform(&tensor, -bound, bound, generator: generator)
  }

  /// Normal, so that variances stay in both directions. SeeAlso: torch.nn.init.xavier_normal_
  public static func xavierNormal(_ tensor: inout Tensor, gain: Double = 1, generator: Generator? = nil) {
    let (fanIn, fanOut) = fans(tensor.shape, op: "xavierNormal")
    normal(&tensor, mean: 0, std: gain * (2 / Double(fanIn + fanOut)).squareRoot(), generator: generator)
  }

  /// Uniform, so that variances stay behind rectifiers. SeeAlso: torch.nn.init.kaiming_uniform_
  public static func kaimingUniform(
    _ tensor: inout Tensor, mode: FanMode = .fanIn, nonlinearity: Nonlinearity = .leakyRelu(0),
    generator: Generator? = nil
  ) {
    if tensor.elementCount == 0 { return }
    let bound = 3.0.squareRoot() * kaimingDeviation(tensor, mode, nonlinearity, op: "kaimingUniform")
    uniform(&tensor, -bound, bound, generator: generator)
  }

  /// Normal, so that variances stay behind rectifiers. SeeAlso: torch.nn.init.kaiming_normal_
  public static func kaimingNormal(
    _ tensor: inout Tensor, mode: FanMode = .fanIn, nonlinearity: Nonlinearity = .leakyRelu(0),
    generator: Generator? = nil
  ) {
    if tensor.elementCount == 0 { return }
    normal(
      &tensor, mean: 0, std: kaimingDeviation(tensor, mode, nonlinearity, op: "kaimingNormal"), generator: generator)
  }

  private static func kaimingDeviation(
    _ tensor: Tensor, _ mode: FanMode, _ nonlinearity: Nonlinearity, op: String
  ) -> Double {
    let (fanIn, fanOut) = fans(tensor.shape, op: op)
    return calculateGain(nonlinearity) / Double(mode == .fanIn ? fanIn : fanOut).squareRoot()
  }

  /// Normal with a part of each column zero. SeeAlso: torch.nn.init.sparse_
  public static func sparse(
    _ tensor: inout Tensor, sparsity: Double, std: Double = 0.01, generator: Generator? = nil
  ) {
    guard tensor.rank == 2 else { return report(OpError("sparse", "expected a matrix, got \(tensor.spec)")) }
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    let zeros = Int((sparsity * Double(rows)).rounded(.up))
    var elements = Draw.normal(tensor.spec, 0, std, generator).scalars(Double.self)
    for column in 0..<columns {
      for row in Generator.default.permutation(rows).prefix(zeros) { elements[row * columns + column] = 0 }
    }
    tensor = Tensor(elements, shape: tensor.shape, dtype: tensor.dtype, device: tensor.device)
  }

  /// Overwrites zeros.
  private static func fill(_ tensor: inout Tensor, _ body: (inout [Double], Shape) -> Void) {
    var elements = [Double](repeating: 0, count: tensor.elementCount)
    body(&elements, tensor.shape)
    tensor = Tensor(elements, shape: tensor.shape, dtype: tensor.dtype, device: tensor.device)
  }
}

/// The default fillings of layers.
extension Init {
  private static func spec(_ shape: [Int]) -> TensorSpec {
    TensorSpec(shape: Shape(shape), dtype: Context.defaultDType, device: Context.defaultDevice)
  }

  private static func new(_ shape: [Int], _ fill: (inout Tensor) -> Void) -> Tensor {
    var tensor = Tensor.empty(shape)
    fill(&tensor)
    return tensor
  }

  /// Linear and convolution weights.
  static func kaiming(_ shape: [Int]) -> Tensor {
    new(shape) { kaimingUniform(&$0, nonlinearity: .leakyRelu(5.0.squareRoot())) }
  }

  /// Biases: uniform within 1 / √fanIn.
  static func bias(_ shape: [Int], fanIn: Int) -> Tensor {
    let bound = fanIn > 0 ? 1 / Double(fanIn).squareRoot() : 0
    return Draw.uniform(spec(shape), -bound, bound, nil)
  }

  static func normal(_ shape: [Int]) -> Tensor { Draw.normal(spec(shape), 0, 1, nil) }
  static func xavier(_ shape: [Int]) -> Tensor { new(shape) { xavierUniform(&$0) } }
  static func xavierNormal(_ shape: [Int]) -> Tensor { new(shape) { xavierNormal(&$0) } }
}

/// Makes layers without drawing random numbers, for values that are loaded next. SeeAlso: torch.nn.utils.skip_init
public func skipInit<R>(_ body: () throws -> R) rethrows -> R { try Draw.$isSkipped.withValue(true, operation: body) }
