import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One case of kind `modules`: construction, state dict, forward, buffers afterwards, gradients.
struct ModuleCase {
  let file: CaseFile
  let json: JSON
  let device: Device
  /// Whether the forward call goes through `compile`.
  var compiles = false

  func run() throws {
    let inputs = try (json["inputs"]?.array ?? []).map { try file.tensor($0, device: device) }
    guard json["error"]?.bool == true else { return try check(inputs) }
    let name = json["module"]?.string ?? ""
    guard ModuleTable.all[name] != nil else { throw UnknownOperation(name) }
    let built: BuiltModule
    do { built = try withErrors { try build(inputs) } } catch {
      if json["error_at"]?.string == "construction" { return }
      throw error
    }
    if json["error_at"]?.string != "construction" {
      do { _ = try forward(built, inputs) } catch { return }
    }
    throw Mismatch("must fail: \(json["message"]?.string ?? "")")
  }

  func build(_ inputs: [Tensor]) throws -> BuiltModule {
    let built = try ModuleTable.build(
      json["module"]?.string ?? "", file.values(json["args"], inputs: inputs),
      file.keywords(json["kwargs"], inputs: inputs))
    if let dtype = json["dtype"]?.string.flatMap(DType.init(name:)), dtype.isDifferentiable {
      built.module.to(dtype)
    }
    if !device.isHost { built.module.to(device) }
    built.module.train(json["training"]?.bool ?? true)
    return built
  }

  func forward(_ built: BuiltModule, _ inputs: [Tensor]) throws -> Value {
    guard compiles else { return try callForward(built, inputs) }
    var shape: Value?
    let compiled = compile(built.module) { inputs in
      do {
        let output = try callForward(built, inputs)
        shape = output
        return output.tensors
      } catch {
        report(error as? OpError ?? OpError("forward", "\(error)"))
        return []
      }
    }
    // The first call records and the second runs the graph: from the same state, with the same random numbers.
    let cells: [any StateCell] = built.module.parameters() + built.module.buffers
    let before = cells.map(\.tensor)
    let random = Generator.default.state
    _ = try withErrors { compiled(inputs) }
    for (cell, tensor) in zip(cells, before) where cell.tensor.spec == tensor.spec { cell.tensor = tensor }
    Generator.default.state = random
    let tensors = try withErrors { compiled(inputs) }
    var rest = tensors[...]
    guard let result = shape?.replacingTensors(with: { _ in rest.popFirst()! }) else {
      return try callForward(built, inputs)  // to fail in its own words
    }
    return result
  }

  private func callForward(_ built: BuiltModule, _ inputs: [Tensor]) throws -> Value {
    let call = Call(
      json["method"]?.string ?? "forward", try file.values(json["forward_args"], inputs: inputs),
      try file.keywords(json["forward_kwargs"], inputs: inputs))
    return try withErrors {
      let output = try built.forward(call)
      try call.finish()
      return output
    }
  }

  private func check(_ inputs: [Tensor]) throws {
    let built = try withErrors { try build(inputs) }
    if json["lazy"]?.bool == true { _ = try noGrad { try forward(built, inputs) } }
    try file.load(json["state"], into: built.module, checkingNames: true)
    try checkNames(built.module)
    if json["no_forward"]?.bool == true { return }
    let output = try forward(built, inputs)
    var comparison = Comparison(file: file, json: json, inputs: inputs)
    try comparison.compare(output, json["expect"] ?? .null)
    if let after = json["state_after"]?.array {
      let state = built.module.stateDict()
      for entry in after {
        let key = entry[0]?.string ?? ""
        guard let tensor = state[key] else { throw Mismatch("there is no '\(key)' in the state after the call") }
        try comparison.compare(tensor, entry[1] ?? .null, place: "'\(key)' after the call")
      }
    }
    guard let backward = json["backward"] else { return }
    try checkGradients(built.module, output, inputs, backward, comparison.alignments)
  }

  private func checkNames(_ module: Module) throws {
    func names(_ key: String) -> [String] { (json[key]?.array ?? []).compactMap(\.string) }
    let parameters = module.namedParameters
    let trainable = parameters.filter(\.parameter.requiresGrad).map(\.name)
    guard trainable == names("parameters") else {
      throw Mismatch("parameters are \(trainable), expected \(names("parameters"))")
    }
    let frozen = parameters.filter { !$0.parameter.requiresGrad }.map(\.name)
    guard frozen == names("frozen_parameters") else {
      throw Mismatch("frozen parameters are \(frozen), expected \(names("frozen_parameters"))")
    }
    let buffers = module.namedBuffers.map(\.name)
    guard buffers == names("buffers") else { throw Mismatch("buffers are \(buffers), expected \(names("buffers"))") }
  }

  private func checkGradients(
    _ module: Module, _ output: Value, _ inputs: [Tensor], _ backward: JSON, _ alignments: [[Int]: Alignment]
  ) throws {
    let expected = backward["param_grads"]?.array ?? []
    var sources = inputs
    var wanted = (backward["grads"]?.array ?? [])
    for entry in expected {
      let key = entry[0]?.string ?? ""
      guard let cell = module.namedParameters.first(where: { $0.name == key })?.parameter else {
        throw Mismatch("there is no parameter '\(key)'")
      }
      wanted.append(.object(["input": .int(sources.count), "tensor": entry[1] ?? .null, "name": .string(key)]))
      sources.append(cell.tensor)
    }
    var object = backward.object ?? [:]
    object["grads"] = .array(wanted)
    try Gradients(file: file, inputs: sources, alignments: alignments, device: device)
      .check(output, .object(object), second: nil)
  }
}

extension CaseFile {
  /// Loads a recorded state `[[name, descriptor], …]`; the module must have these names, in this order.
  func load(_ state: JSON?, into module: Module, checkingNames: Bool) throws {
    let entries = state?.array ?? []
    let names = entries.map { $0[0]?.string ?? "" }
    let own = module.stateDict()
    if checkingNames, own.keys != names {
      throw Mismatch("the state dict has \(own.keys), expected \(names)")
    }
    var loaded = StateDict()
    for (name, entry) in zip(names, entries) {
      let tensor = try tensor(entry[1] ?? .null)
      if checkingNames, let mine = own[name], mine.shape != tensor.shape || mine.dtype != tensor.dtype {
        throw Mismatch("'\(name)' is \(mine.spec), expected \(tensor.spec)")
      }
      loaded[name] = tensor
    }
    try withErrors { _ = try module.load(loaded) }
  }
}
