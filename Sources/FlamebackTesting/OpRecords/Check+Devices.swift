import Flameback
import FlamebackCore
import FlamebackKernels
import FlamebackReference
import Synchronization

extension OpRecord {
  /// The results and gradients that the host gives.
  public func checkDevice(_ device: Device) throws {
    try eachSample { sample in
      let inputs = sample.tensors(mainDType)
      let expected = try withErrors { results(sample, inputs, gradients: true) }
      let found = try withErrors { results(sample, inputs.map { $0.to(device) }, gradients: true) }
      if let stray = found.first(where: { $0.device != device }) {
        throw OpCheckError(description: "a result lies on \(stray.device) instead of \(device)")
      }
      try compare(found.map { $0.cpu() }, expected, exactly: false)
    }
  }

  /// A device with few kernels of its own, and one without those of this record.
  public func checkReference() throws {
    for missing in [[], covers] {
      let device = Device.reference(OpRecord.devices.add(1, ordering: .relaxed).newValue)
      Backends.shared.register(ReferenceBackend(device, missing: Set(missing)))
      defer { Backends.shared.unregister(device) }
      try at(missing.isEmpty ? "on a device" : "on a device without the kernel") { try checkDevice(device) }
    }
  }

  /// Numbers that no other test uses.
  private static let devices = Atomic<Int>(1000)

  /// A traced graph gives what the eager call gives, for these values and others; a decomposition what the kernel gives.
  public func checkGraphs() throws {
    var seen: Set<String> = []
    try eachSample { sample in
      let inputs = sample.tensors(mainDType)
      let graph = try withErrors { trace(inputs) { results(sample, $0, gradients: true) } }
      for arguments in [inputs] + (sample.hasStaticShape ? [sample.tensors(mainDType, seed: 2)] : []) {
        let expected = try withErrors { results(sample, arguments, gradients: true) }
        try at("replay") { try compare(withErrors { graph(arguments) }, expected, exactly: true) }
      }
      try graph.eachInstruction(inputs) { primitive, arguments, outputs in
        seen.insert(primitive.name)
        guard covers.contains(primitive.name), let parts = primitive.decomposed(arguments) else { return }
        try at("decomposition of \(primitive.name)") {
          try compare(
            Array(parts.prefix(meaningfulOutputs)), Array(outputs.prefix(meaningfulOutputs)), exactly: false)
        }
      }
    }
    if let absent = covers.first(where: { !seen.contains($0) }) {
      throw OpCheckError(description: "\(name): no sample runs \(absent); what runs is \(seen.sorted())")
    }
  }

  /// The type names and names of all primitives that the samples run, forward and backward, with second gradients.
  public func primitives() throws -> Set<String> {
    var seen: Set<String> = []
    try eachSample { sample in
      let graph = try withErrors {
        trace(sample.tensors(mainDType)) { results(sample, $0, gradients: true) }
      }
      for instruction in graph.instructions {
        seen.insert(instruction.primitive.name)
        seen.insert("\(type(of: instruction.primitive))")
      }
    }
    return seen
  }
}

extension Graph {
  /// Runs the graph and shows every instruction with its inputs and outputs.
  fileprivate func eachInstruction(
    _ arguments: [Tensor], _ body: (any Primitive, [Tensor], [Tensor]) throws -> Void
  ) throws {
    var values = constants
    for (i, argument) in zip(inputs, arguments) { values[i] = argument }
    func run(_ primitive: some Primitive, _ inputs: [Tensor]) -> [Tensor] { apply(primitive, inputs) }
    for instruction in instructions {
      let inputs = instruction.inputs.map { values[$0]! }
      let outputs = try withErrors { run(instruction.primitive, inputs) }
      for (i, output) in zip(instruction.outputs, outputs) { values[i] = output }
      try withErrors { try body(instruction.primitive, inputs, outputs) }
    }
  }
}
