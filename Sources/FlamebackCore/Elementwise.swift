import FlamebackKernels
import Synchronization

/// A function of elements: one expression serves all devices, dtypes, its gradients and fusion.
///
///     static let softsign = Elementwise("softsign") { x in x / (1 + x.abs) }
public final class Elementwise: Sendable {
  /// From promoted input types to the type of computation and of the result.
  public enum TypeRule: Sendable {
    /// As promoted: add, relu.
    case promoted
    /// Integers become the default floating point type: exp, true division.
    case floating
    /// Computed as promoted, result bool: comparisons.
    case predicate
    /// As promoted; of complex numbers the real type: abs.
    case realPart
    /// Integers become floating point; of complex numbers the real type: angle.
    case floatingRealPart
  }

  /// Which dtypes a function takes; others are errors.
  public struct Domain: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let bool = Domain(rawValue: 1)
    public static let integer = Domain(rawValue: 2)
    public static let floating = Domain(rawValue: 4)
    public static let complex = Domain(rawValue: 8)
    public static let all: Domain = [.bool, .integer, .floating, .complex]
    public static let real: Domain = [.bool, .integer, .floating]
    public static let numeric: Domain = [.integer, .floating, .complex]
    public static let discrete: Domain = [.bool, .integer]
    /// Not only the promoted type: every operand must be in the domain.
    public static let eachOperand = Domain(rawValue: 16)

    func contains(_ dtype: DType) -> Bool { rawValue & (1 << UInt8(dtype.category.rawValue)) != 0 }
  }

  public let name: String
  package let arity: Int
  let rule: TypeRule
  let domain: Domain
  /// Inputs that do not take part in type promotion: the condition of `where`.
  let conditions: Int
  package let expression: Expression
  private let explicitGradients: [Expression]?
  let refusal: String?
  let isDerivative: Bool
  /// A floating point kernel of the engine that computes the same from the same operands in one pass.
  let kernel: Opcode?
  /// The same for the gradients of each input: of g, then the inputs they read, then the result if they read it.
  private let gradientKernels: [Opcode?]

  /// Whether its gradients follow from the expression alone.
  var isPlain: Bool {
    explicitGradients == nil && refusal == nil && kernel == nil && !isDerivative
      && gradientKernels.allSatisfy { $0 == nil }
  }

  private struct Cache {
    var real: ElementwiseProgram?
    var complex: ElementwiseProgram?
    var derivatives: [Int: Derivative] = [:]
    var plan: GradientPlan?
  }
  private let cache = Mutex(Cache())

  /// How backward goes through a call whose arguments are all tensors: the same for every call.
  struct GradientPlan: Sendable {
    let kept: Kept
    let pullback: @Sendable ([Tensor?], Saved) -> [Tensor?]
  }

  /// The plan for calls without numbers, made once.
  func plan(_ make: () -> GradientPlan) -> GradientPlan {
    if let known = cache.withLock({ $0.plan }) { return known }
    let plan = make()
    cache.withLock { $0.plan = plan }
    return plan
  }

  /// The gradient for one input: a function of g, the inputs it reads, and perhaps the result.
  struct Derivative: Sendable {
    let function: Elementwise
    let inputs: [Int]
    let usesResult: Bool
    /// Whether it is g itself, as for a sum.
    var isTransparent: Bool { if case .input(0) = function.expression.kind { true } else { false } }
  }

  init(
    name: String, arity: Int, rule: TypeRule, domain: Domain, conditions: Int, expression: Expression,
    gradients: [Expression]?, refusal: String?, isDerivative: Bool = false, kernel: Opcode? = nil,
    gradientKernels: [Opcode?] = []
  ) {
    self.name = name
    self.arity = arity
    self.rule = rule
    self.domain = domain
    self.conditions = conditions
    self.expression = expression
    explicitGradients = gradients
    self.refusal = refusal
    self.isDerivative = isDerivative
    self.kernel = kernel
    self.gradientKernels = gradientKernels
  }

  /// A function of one argument. `gradient`, of (g, x, y) with y the result, replaces the derived one where a stabler form exists.
  public convenience init(
    _ name: String, _ rule: TypeRule = .floating, domain: Domain = .all, noGradient reason: String? = nil,
    kernel: Opcode? = nil, gradientKernel: Opcode? = nil,
    gradient: ((Expression, Expression, Expression) -> Expression)? = nil, _ body: (Expression) -> Expression
  ) {
    let gradients = gradient.map { [$0(.input(-1), .input(0), Expression(.result))] }
    self.init(
      name: name, arity: 1, rule: rule, domain: domain, conditions: 0, expression: body(.input(0)),
      gradients: gradients, refusal: reason, kernel: kernel, gradientKernels: [gradientKernel])
  }

  /// A function of two arguments. `gradient` gives both gradients from (g, a, b, y).
  public convenience init(
    _ name: String, _ rule: TypeRule = .promoted, domain: Domain = .all, noGradient reason: String? = nil,
    kernel: Opcode? = nil, gradientKernels: [Opcode?] = [],
    gradient: ((Expression, Expression, Expression, Expression) -> [Expression])? = nil,
    _ body: (Expression, Expression) -> Expression
  ) {
    let gradients = gradient.map { $0(.input(-1), .input(0), .input(1), Expression(.result)) }
    self.init(
      name: name, arity: 2, rule: rule, domain: domain, conditions: 0, expression: body(.input(0), .input(1)),
      gradients: gradients, refusal: reason, kernel: kernel, gradientKernels: gradientKernels)
  }

  /// A function of any number of arguments, the first `conditions` of which do not count in type promotion.
  public convenience init(
    _ name: String, arity: Int, _ rule: TypeRule = .promoted, domain: Domain = .all, conditions: Int = 0,
    noGradient reason: String? = nil, kernel: Opcode? = nil,
    gradient: ((Expression, [Expression], Expression) -> [Expression])? = nil, _ body: ([Expression]) -> Expression
  ) {
    let inputs = (0..<arity).map(Expression.input)
    self.init(
      name: name, arity: arity, rule: rule, domain: domain, conditions: conditions, expression: body(inputs),
      gradients: gradient.map { $0(.input(-1), inputs, Expression(.result)) }, refusal: reason, kernel: kernel)
  }

  /// The function that only copies or converts.
  package static let identity = Elementwise("copy", .promoted) { $0 }

  /// The program for inputs of which `scalars` tells which are parameters.
  func program(isComplex: Bool, scalarMask: UInt64) -> ElementwiseProgram {
    if scalarMask == 0 {
      return cache.withLock { cache in
        if let known = isComplex ? cache.complex : cache.real { return known }
        let program = compile(isComplex: isComplex, scalarMask: 0)
        if isComplex { cache.complex = program } else { cache.real = program }
        return program
      }
    }
    return scalarCache.withLock { cache in
      let key = ScalarKey(mask: scalarMask, isComplex: isComplex)
      if let known = cache[key] { return known }
      let program = compile(isComplex: isComplex, scalarMask: scalarMask)
      cache[key] = program
      return program
    }
  }

  private struct ScalarKey: Hashable {
    let mask: UInt64
    let isComplex: Bool
  }
  private let scalarCache = Mutex<[ScalarKey: ElementwiseProgram]>([:])

  private func compile(isComplex: Bool, scalarMask: UInt64) -> ElementwiseProgram {
    var inputs: [Expression] = []
    var tensors = 0
    var scalars = 0
    for i in 0..<arity {
      if scalarMask & (1 << UInt64(i)) != 0 {
        inputs.append(Expression(.parameter(scalars)))
        scalars += 1
      } else {
        inputs.append(.input(tensors))
        tensors += 1
      }
    }
    return Expression.compile(
      [expression.substituting(inputs: inputs)], inputCount: tensors, resultIndex: nil, parameterCount: scalars,
      isComplex: isComplex, kernel: kernel.map { ($0, inputs) })
  }

  /// The gradient for input `i`. Its own inputs are g, then `inputs`, then the result if it is used.
  func derivative(_ i: Int) -> Derivative {
    cache.withLock { cache in
      if let known = cache.derivatives[i] { return known }
      let raw = explicitGradients.map { $0[i] } ?? expression.pullback(.input(-1), to: i)
      let uses = raw.uses
      let inputs = uses.inputs.filter { $0 >= 0 }.sorted()
      var map: [Int: Expression] = [-1: .input(0)]
      for (k, input) in inputs.enumerated() { map[input] = .input(k + 1) }
      let function = Elementwise(
        name: "\(name).grad\(i)", arity: 1 + inputs.count + (uses.result ? 1 : 0), rule: .promoted, domain: .all,
        conditions: 0, expression: raw.substituting(map, result: .input(inputs.count + 1)), gradients: nil,
        refusal: nil, isDerivative: true, kernel: i < gradientKernels.count ? gradientKernels[i] : nil)
      let derivative = Derivative(function: function, inputs: inputs, usesResult: uses.result)
      cache.derivatives[i] = derivative
      return derivative
    }
  }
}

extension Expression {
  func substituting(inputs: [Expression]) -> Expression {
    substituting(Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($0.offset, $0.element) }), result: nil)
  }

  /// The expression with its inputs (and the result) replaced.
  func substituting(_ map: [Int: Expression], result: Expression?) -> Expression {
    var done: [ObjectIdentifier: Expression] = [:]
    var stack: [(Expression, Bool)] = [(self, false)]
    while let (expression, ready) = stack.popLast() {
      let id = ObjectIdentifier(expression.node)
      if done[id] != nil { continue }
      switch expression.kind {
      case .input(let i): done[id] = map[i] ?? expression
      case .result: done[id] = result ?? expression
      case .parameter, .constant: done[id] = expression
      case .operation(let opcode, let args):
        if ready {
          done[id] = Expression(.operation(opcode, args.map { done[ObjectIdentifier($0.node)]! }))
        } else {
          stack.append((expression, true))
          for arg in args { stack.append((arg, false)) }
        }
      }
    }
    return done[ObjectIdentifier(node)]!
  }
}
