import FlamebackKernels

/// An argument of an elementwise function: a tensor, or a number that promotes weakly and has no gradient.
public enum Operand: Sendable {
  case tensor(Tensor)
  case scalar(Scalar)
}

extension Elementwise {
  /// Applies the function with PyTorch's type promotion and broadcasting.
  public func callAsFunction(_ operands: Operand..., dtype: DType? = nil) -> Tensor { call(operands, dtype: dtype) }
  public func callAsFunction(_ x: Tensor) -> Tensor { small(x, nil, nil) ?? apply(Primitives.Pointwise(self), [x])[0] }
  public func callAsFunction(_ x: Tensor, _ y: Tensor) -> Tensor {
    small(x, y, nil) ?? apply(Primitives.Pointwise(self), [x, y])[0]
  }
  public func callAsFunction(_ x: Tensor, _ y: Scalar) -> Tensor {
    small(x, nil, y) ?? call([.tensor(x), .scalar(y)])
  }
  public func callAsFunction(_ x: Scalar, _ y: Tensor) -> Tensor { call([.scalar(x), .tensor(y)]) }

  /// Applies the function to operands of which at least one is a tensor; `dtype` replaces the result's.
  public func call(_ operands: [Operand], dtype: DType? = nil) -> Tensor {
    var tensors: [Tensor] = []
    var scalars: [Scalar] = []
    var mask: UInt64 = 0
    for (i, operand) in operands.enumerated() {
      switch operand {
      case .tensor(let tensor): tensors.append(tensor)
      case .scalar(let scalar):
        scalars.append(scalar)
        mask |= 1 << UInt64(i)
      }
    }
    return apply(Primitives.Pointwise(self, scalars: scalars, scalarMask: mask, resultDType: dtype), tensors)[0]
  }
}

extension Elementwise {
  /// The shortest way for the commonest case, in which `apply` would cost more than the work: few packed host elements
  /// of one dtype and shape, nobody tracing. Everything else, errors included, is left to `apply` (nil).
  private func small(_ x: Tensor, _ y: Tensor?, _ number: Scalar?) -> Tensor? {
    let a = x.body
    let dtype = a.dtype
    let count = a.layout.elementCount
    guard count <= ElementwiseProgram.grain, dtype.isFloatingPoint, a.storage.device.isHost, !a.isPoisoned,
      conditions == 0, domain.contains(dtype), rule == .promoted || rule == .floating, a.layout.isContiguous
    else { return nil }
    if let number, number.category > .floating { return nil }
    if let y {
      guard y.body.dtype == dtype, y.body.storage.device.isHost, !y.body.isPoisoned, y.body.layout.isContiguous,
        y.body.layout.shape == a.layout.shape
      else { return nil }
    }
    let context = Context.current
    guard context.values.tracer == nil, !context.values.isInference,
      let storage = try? Storage(byteCount: count * dtype.byteSize, device: .cpu, op: name)
    else { return nil }
    let mask: UInt64 = number == nil ? 0 : 2
    let size = dtype.byteSize
    let flags =
      count == 0
      ? 0
      : program(isComplex: false, scalarMask: mask).runPacked(
        compute: dtype, count: count, a.storage.address + a.layout.offset * size,
        y.map { $0.body.storage.address + $0.body.layout.offset * size }, dtype, number: number, into: storage.address,
        dtype)
    if flags != 0 { return nil }
    let layout = a.layout.offset == 0 ? a.layout : Layout(shape: a.layout.shape, strides: a.layout.strides)
    if context.values.recordsGradients, x.requiresGrad || y?.requiresGrad == true {
      let op = Primitives.Pointwise(self, scalars: number.map { [$0] } ?? [], scalarMask: mask)
      let inputs = y.map { SmallList(x, $0) } ?? SmallList(x)
      let spec = SpecList(TensorSpec(shape: layout.shape, dtype: dtype))
      let node = try? recordedNode(op, inputs, spec, context) { _ in
        Tensor(TensorBody(storage: storage, layout: layout, dtype: dtype))
      }
      guard let node else { return nil }
      return Tensor(TensorBody(storage: storage, layout: layout, dtype: dtype, node: node))
    }
    return Tensor(TensorBody(storage: storage, layout: layout, dtype: dtype))
  }
}

extension Primitives {
  /// An elementwise function with its scalar arguments bound.
  package struct Pointwise: Primitive {
    package let function: Elementwise
    package var scalars: [Scalar] = []
    package var scalarMask: UInt64 = 0
    /// Instead of the rule's type: conversions, and gradients, which have their input's type.
    package var resultDType: DType?

    package init(_ function: Elementwise, scalars: [Scalar] = [], scalarMask: UInt64 = 0, resultDType: DType? = nil) {
      self.function = function
      self.scalars = scalars
      self.scalarMask = scalarMask
      self.resultDType = resultDType
    }

    package static var name: String { "elementwise" }
    package var name: String { function.name }
    package var acceptsStrides: Bool { true }
    package var families: DType.Family { .all }
    package var donates: Kept { .inputs }
    package var attributes: [(String, String)] {
      scalars.enumerated().map { ("scalar\($0.offset)", "\($0.element.double)") }
    }

    /// The type of computation, after promotion.
    private func computeDType(_ dtypes: some Sequence<(dtype: DType, rank: Int)>) throws(OpError) -> DType {
      var promotion = Promotion(comparesOnly: function.rule == .predicate)
      var position = 0
      for (dtype, rank) in dtypes {
        while scalarMask & (1 << UInt64(position)) != 0 { position += 1 }
        if position >= function.conditions { promotion.add(dtype, rank: rank) }
        if function.domain.contains(.eachOperand), !function.domain.contains(dtype) {
          throw OpError(name, "not defined for \(dtype)")
        }
        position += 1
      }
      for scalar in scalars {
        promotion.add(scalar)
        if function.domain.contains(.eachOperand), scalar.category == .bool {
          throw OpError(name, "not defined for bool")
        }
      }
      let dtype = try promotion.result(name)
      guard function.domain.contains(dtype) else {
        throw OpError(name, "not defined for \(dtype)")
      }
      return dtype
    }

    package func types(_ dtypes: some Sequence<(dtype: DType, rank: Int)>) throws(OpError) -> (
      compute: DType, result: DType
    ) {
      var compute = try computeDType(dtypes)
      let isDiscrete = !compute.isFloatingPoint && !compute.isComplex
      switch function.rule {
      case .promoted, .realPart, .predicate: break
      case .floating, .floatingRealPart: if isDiscrete { compute = Context.defaultDType }
      }
      if let resultDType {
        // A conversion to a complex or wider type must not lose what the result can hold.
        return (
          function === Elementwise.identity ? DType.conversion(from: compute, to: resultDType) : compute, resultDType
        )
      }
      let result: DType =
        switch function.rule {
        case .promoted, .floating: compute
        case .predicate: .bool
        case .realPart, .floatingRealPart: compute.real
        }
      return (compute, result)
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard let first = inputs.first else { throw OpError(name, "needs a tensor") }
      var shape = first.shape
      for input in inputs.dropFirst() where input.shape != shape {
        guard let next = Shape.broadcast(shape, input.shape) else {
          throw OpError(name, "shapes do not broadcast: \(inputs.map(\.description).joined(separator: " × "))")
        }
        shape = next
      }
      let dtype = try types(inputs.lazy.map { ($0.dtype, $0.shape.count) }).result
      return [TensorSpec(shape: shape, dtype: dtype, device: first.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let compute = try types(inputs.lazy.map { ($0.dtype, $0.shape.count) }).compute
      let program = function.program(isComplex: compute.isComplex, scalarMask: scalarMask)
      let shape = outputs[0].shape
      let flags = program.run(
        compute: compute, shape: shape,
        inputs: inputs.map { ElementwiseOperand($0.pointer, $0.dtype, layout: $0.layout, over: shape) },
        parameters: scalars, outputs: [ElementwiseOperand(outputs[0].pointer, outputs[0].dtype, strides: nil)])
      if flags & 1 != 0 { throw OpError(name, "integer division by zero") }
      if flags & 2 != 0 { throw OpError(name, "not defined for \(compute)") }
    }

    package var gradient: Gradient {
      if let refusal = function.refusal { return .none(because: refusal) }
      let plan = scalarMask == 0 ? function.plan(makePlan) : makePlan()
      return .pullback(keeps: plan.kept, plan.pullback)
    }

    private func makePlan() -> Elementwise.GradientPlan {
      let positions = (0..<function.arity).filter { scalarMask & (1 << UInt64($0)) == 0 }
      let derivatives = positions.map { function.derivative($0) }
      var kept: Kept = []
      for derivative in derivatives {
        for input in derivative.inputs {
          if let i = positions.firstIndex(of: input) { kept.insert(.input(i)) }
        }
        if derivative.usesResult { kept.insert(function.isDerivative ? [.output(0), .inputs] : .output(0)) }
      }
      return Elementwise.GradientPlan(kept: kept) { [scalars, scalarMask, function] cotangents, saved in
        guard let g = cotangents[0] else { return Array(repeating: nil, count: positions.count) }
        // The gradient of a real operand beside complex ones is the real part: its own derivative needs the whole.
        func wholeResult() -> Tensor {
          let isPart =
            function.isDerivative && !saved.outputSpec(0).dtype.isComplex
            && positions.indices.contains { saved.spec($0).dtype.isComplex }
          guard isPart else { return saved.output(0) }
          var (tensors, numbers) = (0, 0)
          let operands = (0..<function.arity).map { i -> Operand in
            if scalarMask & (1 << UInt64(i)) != 0 {
              numbers += 1
              return .scalar(scalars[numbers - 1])
            }
            tensors += 1
            return .tensor(saved.input(tensors - 1))
          }
          return function.call(operands)
        }
        return positions.indices.map { i in
          guard saved.needs(i) else { return nil }
          let derivative = derivatives[i]
          let spec = saved.spec(i)
          if derivative.isTransparent, g.dtype == spec.dtype { return g.summed(to: spec.shape) }
          var operands: [Operand] = [.tensor(g)]
          for input in derivative.inputs {
            if let k = positions.firstIndex(of: input) {
              operands.append(.tensor(saved.input(k)))
            } else {
              operands.append(.scalar(scalars[(0..<input).count { scalarMask & (1 << UInt64($0)) != 0 }]))
            }
          }
          if derivative.usesResult { operands.append(.tensor(wholeResult())) }
          return derivative.function.call(operands, dtype: spec.dtype).summed(to: spec.shape)
        }
      }
    }
  }
}

/// PyTorch's type promotion: tensors with dimensions before 0-d tensors before numbers, unless a category is higher.
struct Promotion {
  private var dimensioned: DType?
  private var zeroDimensional: DType?
  private var number: DType?
  /// Whether the results are truth values.
  private let comparesOnly: Bool
  /// Two dtypes that have no common one.
  private var refused: (DType, DType)?

  init(comparesOnly: Bool = false) { self.comparesOnly = comparesOnly }

  mutating func add(_ dtype: DType, rank: Int) {
    if rank > 0 {
      dimensioned = dimensioned.map { promoted($0, dtype) } ?? dtype
    } else {
      zeroDimensional = zeroDimensional.map { promoted($0, dtype) } ?? dtype
    }
  }

  mutating func add(_ scalar: Scalar) {
    let dtype: DType =
      switch scalar {
      case .bool: .bool
      case .int: .int64
      case .float: Context.defaultDType
      case .complex: Context.defaultDType.complex
      }
    number = number.map { promoted($0, dtype) } ?? dtype
  }

  private mutating func promoted(_ a: DType, _ b: DType) -> DType {
    if let dtype = DType.promote(a, b) { return dtype }
    refused = refused ?? (a, b)
    return a
  }

  private mutating func combine(_ higher: DType?, _ lower: DType?) -> DType? {
    guard let higher else { return lower }
    guard let lower else { return higher }
    switch higher.category {
    case .complex: return higher
    case .floating:
      guard lower.isComplex else { return higher }
      // There is no complex type of bfloat16 or float8 parts; PyTorch's of bfloat16 can only be compared.
      if higher.complex.real != higher, !comparesOnly || higher.family == .float8 {
        refused = refused ?? (higher, lower)
      }
      return higher.complex
    case .bool, .integer:
      if higher.family == .unsigned, lower.isComplex { return lower }  // though the two dtypes do not promote
      return higher == .bool || lower.isDifferentiable ? promoted(higher, lower) : higher
    }
  }

  /// The promoted dtype; throws where two of them have none in common.
  mutating func result(_ op: String) throws(OpError) -> DType {
    let result = combine(dimensioned, combine(zeroDimensional, number))
    if let (a, b) = refused {
      throw OpError(op, "\(a) and \(b) have no common dtype: convert one of them with to(_:) first")
    }
    return result ?? Context.defaultDType
  }
}

/// The dtype that PyTorch's type promotion gives these operands. SeeAlso: torch.result_type
public func resultType(_ operands: Operand...) -> DType {
  var promotion = Promotion()
  for operand in operands {
    switch operand {
    case .tensor(let tensor): promotion.add(tensor.dtype, rank: tensor.rank)
    case .scalar(let scalar): promotion.add(scalar)
    }
  }
  do { return try promotion.result("resultType") } catch {
    report(error)
    return Context.defaultDType
  }
}
