import FlamebackKernels
import Synchronization

extension Tensor {
  /// Whether nobody else holds the memory, so that it may be overwritten without changing another variable: what kernels
  /// made of it is forgotten.
  package mutating func isUniquelyHeld() -> Bool {
    guard isKnownUniquelyReferenced(&body), body.storage.isOwned, body.holdsStorageAlone(),
      body.storage.lease?.mayBeWritten ?? true
    else { return false }
    body.storage.forms?.forget()
    return true
  }
}

extension Tensor {
  /// Becomes zeros, in its own memory if nobody else holds that.
  package mutating func fillZero() {
    guard device.isHost, isContiguous, !isPoisoned, !requiresGrad, !Context.isTracing, isUniquelyHeld() else {
      self = .filled(0, spec)
      return
    }
    Strided.fill(hostView.pointer, dtype, nil, over: shape, 0)
  }
}

extension Elementwise {
  /// `a` becomes the function of `a` and `b`, in its own memory if nobody else holds that and nothing is recorded.
  ///
  /// False, and nothing happens, where a new tensor is needed or an error is to be reported.
  package func overwrite(_ a: inout Tensor, _ b: Operand) -> Bool {
    let context = Context.current
    guard context.tracer == nil, a.device.isHost, !a.isPoisoned, a.dtype.isFloatingPoint, a.isContiguous,
      !a.requiresGrad, a.body.isInference == context.values.isInference
    else { return false }
    var op = Primitives.Pointwise(self)
    var operands = [a.hostView]
    switch b {
    case .scalar(let number):
      guard number.category <= .floating else { return false }
      op = Primitives.Pointwise(self, scalars: [number], scalarMask: 2)
    case .tensor(let b):
      guard b.dtype == a.dtype, b.device.isHost, !b.isPoisoned, Shape.broadcast(a.shape, b.shape) == a.shape,
        !(context.values.recordsGradients && b.requiresGrad)
      else { return false }
      operands.append(b.hostView)
    }
    guard a.isUniquelyHeld() else { return false }
    defer { withExtendedLifetime((a, b)) {} }  // views hold nothing
    do { try op.compute(operands, into: [a.hostView]) } catch {
      guard error.isOutOfMemory else { return false }
      report(error)  // some of the values may be new
      a = .poisoned(a.spec)
    }
    return true
  }
}

/// Several elementwise functions of the same operands, computed in one pass that overwrites some of them:
/// what an optimizer does to a parameter and its moments.
package final class ElementwiseUpdate: Sendable {
  private let name: String
  private let targetCount: Int
  /// By the numbers that are 0 or 1: terms without weight cost nothing.
  private let programs = Mutex<[[Double]: ElementwiseProgram]>([:])
  private let results: @Sendable (_ numbers: [Expression]) -> [Expression]
  private let arity: Int
  /// Does the same where all operands are packed numbers of one kind.
  private let kernel: UpdateKernel?
  /// One function a target, for devices and traces.
  private let functions: [Elementwise]

  /// `body` gives a new value for each target from (targets, sources, numbers).
  package init(
    _ name: String, targets: Int, sources: Int, scalars: Int, kernel: UpdateKernel? = nil,
    _ body:
      @escaping @Sendable (_ targets: [Expression], _ sources: [Expression], _ scalars: [Expression]) -> [Expression]
  ) {
    self.name = name
    targetCount = targets
    let arity = targets + sources
    let inputs = (0..<arity).map(Expression.input)
    let results = { @Sendable (numbers: [Expression]) in
      body(Array(inputs[..<targets]), Array(inputs[targets...]), numbers)
    }
    self.arity = arity
    self.kernel = kernel
    self.results = results
    functions = results((0..<scalars).map { .input(arity + $0) }).map { expression in
      Elementwise(
        name: name, arity: arity + scalars, rule: .promoted, domain: .floating, conditions: 0, expression: expression,
        gradients: nil, refusal: "it updates parameters")
    }
  }

  /// Overwrites `targets`, which have the shape of the first of them; in their own memory where nobody else holds it.
  /// Sources may broadcast. No gradient is recorded. With a queue the values may be there only after its `run`.
  package func callAsFunction(
    _ targets: inout [Tensor], _ sources: [Tensor], _ scalars: [Double], in queue: UpdateQueue? = nil
  ) {
    let shape = targets[0].shape
    if (targets + sources).contains(where: \.isPoisoned) { return }
    for tensor in targets + sources
    where tensor.shape != shape && Shape.broadcast(tensor.shape, shape) != shape {
      return report(OpError(name, "shapes do not fit: \(targets[0].spec) × \(tensor.spec)"))
    }
    if !targets[0].device.isHost || Context.current.tracer != nil {
      let operands = (targets + sources).map { Operand.tensor($0.withoutHistory) } + scalars.map { .scalar(.float($0)) }
      targets = noGrad { zip(functions, targets).map { $0.call(operands, dtype: $1.dtype) } }
      return
    }
    if let kernel, run(kernel, &targets, sources, scalars, queue) { return }
    let inputs = (targets + sources).map {
      ElementwiseOperand($0.hostView.pointer, $0.dtype, layout: $0.layout, over: shape)
    }
    var results: [Tensor?] = []
    for i in targets.indices {
      let isOverwritten = targets[i].isUniquelyHeld() && targets[i].isContiguous && targets[i].shape == shape
      let spec = TensorSpec(shape: shape, dtype: targets[i].dtype)
      do { results.append(isOverwritten ? nil : try .uninitialized(spec, op: name)) } catch { return report(error) }
    }
    let outputs = targets.indices.map {
      let target = results[$0] ?? targets[$0]
      return ElementwiseOperand(target.hostView.pointer, target.dtype, strides: nil)
    }
    program(scalars).run(
      compute: targets[0].dtype, shape: shape, inputs: inputs, parameters: scalars.map { .float($0) }, outputs: outputs)
    withExtendedLifetime(sources) {}
    do { try checkKernelMemory(name) } catch { return report(error) }
    for i in targets.indices {
      guard let result = results[i] else { continue }
      targets[i] = result
      CopiedBytes.add(result.elementCount * result.dtype.byteSize)
    }
  }

  /// False if the kernel does not take these operands. What others hold is copied first: whether they do must not
  /// change a bit of the result.
  private func run(
    _ kernel: UpdateKernel, _ targets: inout [Tensor], _ sources: [Tensor], _ scalars: [Double], _ queue: UpdateQueue?
  ) -> Bool {
    let (shape, dtype) = (targets[0].shape, targets[0].dtype)
    func fits(_ tensor: Tensor) -> Bool { tensor.dtype == dtype && tensor.shape == shape }
    guard dtype == .float32 || dtype == .float64, targets.allSatisfy(fits), sources.allSatisfy(fits) else {
      return false
    }
    var copies: [(place: Int, copy: Tensor)] = []
    for i in targets.indices where !(targets[i].isUniquelyHeld() && targets[i].isContiguous) {
      copies.append((i, noGrad { targets[i].clone() }))
    }
    let sources = sources.allSatisfy(\.isContiguous) ? sources : noGrad { sources.map { $0.contiguous() } }
    // Where there was no memory for a copy the error is reported already, and nothing changes.
    if copies.contains(where: \.copy.isPoisoned) || sources.contains(where: \.isPoisoned) { return true }
    for (place, copy) in copies { targets[place] = copy }
    if let queue {
      queue.add(kernel, dtype, scalars, targets, sources)
    } else {
      let now = UpdateQueue()
      now.add(kernel, dtype, scalars, targets, sources)
      now.run()
    }
    return true
  }

  private func program(_ scalars: [Double]) -> ElementwiseProgram {
    let key = scalars.map { $0 == 0 || $0 == 1 ? $0 : 2 }
    return programs.withLock { known in
      if let program = known[key] { return program }
      let numbers = key.enumerated().map { $1 == 2 ? Expression(.parameter($0)) : .constant(.float($1)) }
      let program = Expression.compile(
        results(numbers), inputCount: arity, resultIndex: nil, parameterCount: key.count, isComplex: false)
      known[key] = program
      return program
    }
  }
}
