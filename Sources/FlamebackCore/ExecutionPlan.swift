import FlamebackKernels

/// A graph ready to run on the host without gradients: every result has its place in one block of memory, planned once,
/// and nothing is inferred, checked or recorded any more.
package final class ExecutionPlan: Sendable {
  private enum Place { case input(Int), constant(Tensor), block(Int), result(Int) }

  private struct Value {
    var place: Place
    var layout: Layout
    var dtype: DType
  }

  private struct Step {
    let primitive: any Primitive
    let inputs: [Value]
    let outputs: [Value]
  }

  /// Memory that some steps write and read.
  private struct Buffer {
    let size: Int
    let first: Int
    var last: Int
    var isResult = false
    /// Whether it lies in another one.
    var isDonated = false
    var offset = 0
  }

  private let inputs: [TensorSpec]
  private let steps: [Step]
  private let outputs: [Value]
  /// Bytes for all intermediate values.
  package let blockSize: Int
  private let resultSizes: [Int]

  /// Inputs whose memory an indexed write takes over for its result: buffers that a step changes in a few places.
  private let overwritten: [Int]

  /// Nil where the graph does something that no kernel of the host does. Of the inputs numbered `donated` the caller
  /// wants nothing back.
  package init?(_ graph: Graph, donated: Range<Int> = 0..<0) {
    var values: [Int: Value] = [:]
    var buffers: [Buffer] = []
    var steps: [Step] = []
    for (i, number) in graph.inputs.enumerated() {
      let spec = graph.specs[number]
      guard spec.device.isHost else { return nil }
      values[number] = Value(place: .input(i), layout: Layout(spec.shape), dtype: spec.dtype)
    }
    for (number, tensor) in graph.constants {
      guard tensor.device.isHost else { return nil }
      tensor.body.storage.keepForms()
      values[number] = Value(place: .constant(tensor), layout: tensor.layout, dtype: tensor.dtype)
    }
    func new(_ spec: TensorSpec) -> Value {
      buffers.append(
        Buffer(size: Swift.max(spec.shape.elementCount * spec.dtype.byteSize, 1), first: steps.count, last: steps.count)
      )
      return Value(place: .block(buffers.count - 1), layout: Layout(spec.shape), dtype: spec.dtype)
    }
    func touch(_ value: Value) { if case .block(let i) = value.place { buffers[i].last = steps.count } }
    for instruction in graph.instructions {
      let op = instruction.primitive
      if op.destination?.isHost == false { return nil }
      var operands = instruction.inputs.map { values[$0]! }
      switch operands.count == 1 ? try? op.aliases(of: operands[0].layout, operands[0].dtype) : Aliases.none {
      case .one(let layout, let dtype)?:
        values[instruction.outputs[0]] = Value(place: operands[0].place, layout: layout, dtype: dtype)
        continue
      case .several(let layouts)?:
        for (number, layout) in zip(instruction.outputs, layouts) {
          values[number] = Value(place: operands[0].place, layout: layout, dtype: operands[0].dtype)
        }
        continue
      case Aliases.none?, nil: break
      }
      if !op.acceptsStrides {
        for i in operands.indices where !operands[i].layout.isContiguous {
          touch(operands[i])
          let packed = new(TensorSpec(shape: operands[i].layout.shape, dtype: operands[i].dtype))
          steps.append(Step(primitive: Primitives.Pointwise(.identity), inputs: [operands[i]], outputs: [packed]))
          operands[i] = packed
        }
      }
      for operand in operands { touch(operand) }
      let results = instruction.outputs.map { new(graph.specs[$0]) }
      for (number, result) in zip(instruction.outputs, results) { values[number] = result }
      steps.append(Step(primitive: op, inputs: operands, outputs: results))
    }
    let outputs = graph.outputs.map { values[$0]! }
    for output in outputs { if case .block(let i) = output.place { buffers[i].isResult = true } }
    let inputOf = Self.overwrittenInputs(steps, &buffers, outputs, donated)
    overwritten = Set(inputOf.values).sorted()
    let donors = Self.donors(steps, &buffers)
    blockSize = Self.placed(&buffers)
    var resultSizes: [Int] = []
    var resultOf: [Int: Int] = [:]
    for i in buffers.indices where buffers[i].isResult && !buffers[i].isDonated {
      resultOf[i] = resultSizes.count
      resultSizes.append(buffers[i].size)
    }
    func final(_ value: Value) -> Value {
      guard case .block(let buffer) = value.place else { return value }
      let i = donors[buffer]
      var value = value
      if let input = inputOf[i] {
        value.place = .input(input)
        return value
      }
      value.place = resultOf[i].map { .result($0) } ?? .block(buffers[i].offset)
      return value
    }
    self.steps = steps.map {
      Step(primitive: $0.primitive, inputs: $0.inputs.map(final), outputs: $0.outputs.map(final))
    }
    self.outputs = outputs.map(final)
    self.resultSizes = resultSizes
    inputs = graph.inputs.map { graph.specs[$0] }
  }

  /// The buffers that lie in an input's memory, by number: results of indexed writes into it, the last to read it.
  private static func overwrittenInputs(
    _ steps: [Step], _ buffers: inout [Buffer], _ outputs: [Value], _ donated: Range<Int>
  ) -> [Int: Int] {
    if donated.isEmpty { return [:] }
    func input(_ value: Value) -> Int? { if case .input(let i) = value.place { i } else { nil } }
    var last: [Int: Int] = [:]
    for (s, step) in steps.enumerated() { for value in step.inputs { if let i = input(value) { last[i] = s } } }
    for value in outputs { if let i = input(value) { last[i] = steps.count } }
    var inputOf: [Int: Int] = [:]
    for (s, step) in steps.enumerated()
    where step.primitive.donates == .input(0) && step.outputs.count == 1 {
      let (base, result) = (step.inputs[0], step.outputs[0])
      guard case .block(let new) = result.place, base.dtype == result.dtype, base.layout == result.layout else {
        continue
      }
      switch base.place {
      case .input(let i):
        guard donated.contains(i), last[i] == s, step.inputs.count(where: { input($0) == i }) == 1 else { continue }
        inputOf[new] = i
      case .block(let old):
        let reads = step.inputs.count { if case .block(old) = $0.place { true } else { false } }
        guard let i = inputOf[old], buffers[old].last == s, !buffers[old].isResult, reads == 1 else { continue }
        inputOf[new] = i
      default: continue
      }
      buffers[new].isDonated = true
    }
    return inputOf
  }

  /// The buffer in which each one lies: its own, or that of an operand which dies in the step that makes it.
  private static func donors(_ steps: [Step], _ buffers: inout [Buffer]) -> [Int] {
    var donors = Array(buffers.indices)
    for (i, step) in steps.enumerated() where step.primitive.donates != .nothing && step.outputs.count == 1 {
      let result = step.outputs[0]
      guard case .block(let new) = result.place, !buffers[new].isDonated else { continue }
      let places = step.inputs.map { if case .block(let k) = $0.place { donors[k] } else { -1 } }
      for (k, (operand, old)) in zip(step.inputs, places).enumerated()
      where step.primitive.donates.keepsInput(k) && old >= 0 && buffers[old].last == i && !buffers[old].isResult
        && buffers[old].size == buffers[new].size
        && operand.dtype == result.dtype && operand.layout == result.layout && places.count(where: { $0 == old }) == 1
      {
        donors[new] = old
        buffers[old].last = buffers[new].last
        buffers[old].isResult = buffers[new].isResult
        buffers[new].isDonated = true
        break
      }
    }
    return donors
  }

  /// Gives each buffer the lowest place that is free while it is needed, large ones first; returns the block's size.
  private static func placed(_ buffers: inout [Buffer]) -> Int {
    var done: [Int] = []
    var end = 0
    for i in buffers.indices.sorted(by: { buffers[$0].size > buffers[$1].size })
    where !buffers[i].isResult && !buffers[i].isDonated {
      let rivals = done.filter { buffers[$0].first <= buffers[i].last && buffers[i].first <= buffers[$0].last }
        .sorted { buffers[$0].offset < buffers[$1].offset }
      var offset = 0
      for k in rivals {
        if offset + buffers[i].size <= buffers[k].offset { break }
        offset = max(offset, (buffers[k].offset + buffers[k].size + 63) / 64 * 64)
      }
      buffers[i].offset = offset
      done.append(i)
      end = max(end, offset + buffers[i].size)
    }
    return end
  }

  /// The results for inputs of the graph's specs.
  ///
  /// Donated inputs whose memory nobody else holds are written over; others are copied first.
  package func callAsFunction(_ arguments: inout [Tensor]) throws(OpError) -> [Tensor] {
    for i in arguments.indices { arguments[i] = arguments[i].withoutHistory.contiguous() }
    for i in overwritten where !arguments[i].isUniquelyHeld() { arguments[i] = arguments[i].clone() }
    let block = try Storage(byteCount: Swift.max(blockSize, 1), device: .cpu, op: "compile")
    var results: [Storage] = []
    for size in resultSizes { results.append(try Storage(byteCount: size, device: .cpu, op: "compile")) }
    let keepsForms = Context.current.values.keepsForms
    func view(_ value: Value) -> HostView {
      var forms: KeptForms?
      let base: UnsafeMutableRawPointer
      switch value.place {
      case .input(let i): base = arguments[i].hostView.pointer
      case .constant(let tensor):
        base = tensor.body.storage.address
        if keepsForms { forms = tensor.body.storage.forms }
      case .block(let offset): base = block.address + offset
      case .result(let i): base = results[i].address
      }
      return HostView(
        pointer: base + value.layout.offset * value.dtype.byteSize, dtype: value.dtype, shape: value.layout.shape,
        strides: value.layout.strides, forms: forms)
    }
    for step in steps {
      try step.primitive.compute(step.inputs.map(view), into: step.outputs.map(view))
    }
    withExtendedLifetime((block, arguments, results)) {}  // views hold nothing
    let isInference = Context.isInferenceMode
    return outputs.map { value in
      let (storage, offset): (Storage, Int) =
        switch value.place {
        case .input(let i): (arguments[i].body.storage, arguments[i].layout.offset)
        case .constant(let tensor): (tensor.body.storage, 0)
        case .block: preconditionFailure("a result lies in the block")
        case .result(let i): (results[i], 0)
        }
      let layout = Layout(
        shape: value.layout.shape, strides: value.layout.strides, offset: value.layout.offset + offset)
      return Tensor(TensorBody(storage: storage, layout: layout, dtype: value.dtype, isInference: isInference))
    }
  }
}
