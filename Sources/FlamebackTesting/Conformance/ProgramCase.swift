import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One case of kind `programs`: steps that call operations and move gradients, over named variables.
///
/// Tensors are values here, so an in-place step binds its variable anew.
final class ProgramCase {
  private let file: CaseFile
  private let json: JSON
  private var inputs: [Tensor] = []
  private var variables: [String: Value] = [:]
  /// The hooks live as long as the program.
  private var hooks: [HookHandle] = []

  init(file: CaseFile, json: JSON) {
    self.file = file
    self.json = json
  }

  func run() throws {
    inputs = try (json["inputs"]?.array ?? []).map { try file.tensor($0) }
    for member in json["vars"]?.object ?? [:] { variables[member.key] = .tensor(try file.tensor(member.value)) }
    for (i, step) in (json["steps"]?.array ?? []).enumerated() {
      do { try withErrors { try run(step) } } catch let error as UnknownOperation { throw error } catch {
        if step["raises"]?.bool == true { continue }
        throw Mismatch("step \(i): \(error)")
      }
      if step["raises"]?.bool == true {
        throw Mismatch("step \(i) must fail: \(step["message"]?.string ?? "")")
      }
    }
    var comparison = Comparison(file: file, json: json)
    for member in json["expect"]?.object ?? [:] {
      let value = variables[member.key] ?? .none
      try comparison.compare(value, member.value, label: member.key)
      if let requires = member.value["tensor"]?["requires_grad"]?.bool, value.tensor?.requiresGrad != requires {
        throw Mismatch("\(member.key): requiresGrad must be \(requires)")
      }
    }
    for member in json["expect_grads"]?.object ?? [:] {
      let gradient = try tensor(member.key).grad
      if member.value.isNull {
        guard gradient == nil else { throw Mismatch("\(member.key) has a gradient, expected none") }
      } else if let gradient {
        try comparison.compare(gradient, member.value, place: "gradient of \(member.key)")
      } else {
        throw Mismatch("\(member.key) has no gradient")
      }
    }
  }

  private func tensor(_ name: String) throws -> Tensor {
    guard let tensor = variables[name]?.tensor else { throw CallError("there is no tensor variable '\(name)'") }
    return tensor
  }

  private func tensors(_ json: JSON?) throws -> [Tensor] {
    try (json?.array ?? []).map { try tensor($0.string ?? "") }
  }

  private func assign(_ value: Value, to out: JSON?) throws {
    if let name = out?.string {
      variables[name] = value
    } else if let names = out?.array {
      guard let items = value.items, items.count == names.count else { throw Mismatch("cannot unpack \(value.kind)") }
      for (name, item) in zip(names, items) { variables[name.string ?? ""] = item }
    }
  }

  private func run(_ step: JSON) throws {
    if step["fn"] != nil {
      switch step["mode"]?.string {
      case "no_grad": try noGrad { try call(step) }
      case "inference": try inferenceMode { try call(step) }
      default: try call(step)
      }
    } else if let name = step["backward"]?.string {
      try tensor(name).backward(
        gradient: try step["gradient"]?.string.map(tensor), retainGraph: step["retain_graph"]?.bool,
        createGraph: step["create_graph"]?.bool ?? false, inputs: try step["inputs"].map(tensors))
    } else if let request = step["grad"] {
      let gradients = grad(
        of: try tensors(request["outputs"]), wrt: try tensors(request["inputs"]),
        gradOutputs: try request["grad_outputs"]?.array.map { _ in try tensors(request["grad_outputs"]) },
        retainGraph: request["retain_graph"]?.bool, createGraph: request["create_graph"]?.bool ?? false,
        allowUnused: request["allow_unused"]?.bool ?? false,
        materializeGrads: request["materialize_grads"]?.bool ?? false)
      try assign(.list(gradients.map(Value.optional)), to: step["out"])
    } else if let names = step["zero_grad"] {
      for tensor in try tensors(names) { tensor.gradSlot?.grad = nil }
    } else if let name = step["retain_grad"]?.string {
      try tensor(name).retainGrad()
    } else if let name = step["get_grad"]?.string {
      try assign(.optional(tensor(name).grad), to: step["out"])
    } else if let name = step["hook"]?.string {
      let factor = Tensor([step["scale"]?.double ?? 1], shape: [])
      hooks.append(try tensor(name).registerHook { $0 * factor.to($0.dtype) })
    } else if let name = step["transform"]?.string {
      try assign(transform(name, step), to: step["out"])
    } else {
      throw CallError("unknown step \(step)")
    }
  }

  private func call(_ step: JSON) throws {
    let name = step["fn"]?.string ?? ""
    let form = step["form"]?.string ?? "function"
    let call = try OperatorCall(file, step, name, form, inputs, variables: variables)
    let result = try call.run()
    let target = step["args"]?[0]?["var"]?.string
    if let target, let new = result.tensor, form == "setitem" || call.isInPlace {
      let old = try tensor(target)
      // A leaf that changes outside the graph stays that leaf.
      let keepsSlot = !Context.isGradEnabled && old.isLeaf && old.requiresGrad
      variables[target] = .tensor(keepsSlot ? new.withSlot(old.gradSlot) : new)
    }
    if form != "setitem" { try assign(result, to: step["out"]) }
  }

  // MARK: Function transforms

  /// The recorded function: its steps run over variables of its own.
  private func function(_ body: JSON) -> ([Tensor]) -> [Tensor] {
    { [self] arguments in
      let outer = variables
      defer { variables = outer }
      variables = [:]
      for (name, argument) in zip(body["params"]?.array ?? [], arguments) {
        variables[name.string ?? ""] = .tensor(argument)
      }
      do {
        for step in body["steps"]?.array ?? [] { try run(step) }
        return try body["result"]?.string.map { [try tensor($0)] } ?? tensors(body["result"])
      } catch {
        return [fail("transform", "\(error)")]
      }
    }
  }

  private func transform(_ name: String, _ step: JSON) throws -> Value {
    guard let body = step["body"] else { throw CallError("a transform without body") }
    let f = function(body)
    let x = try tensors(step["args"])
    let v = try tensors(step["v"])
    let hasOneResult = body["result"]?.string != nil
    /// PyTorch unpacks tuples of one.
    func pack(_ values: [Tensor], _ single: Bool) -> Value { single ? .tensor(values[0]) : .tensors(values) }
    func matrix(_ rows: [[Tensor]], _ singleRow: Bool) -> Value {
      singleRow ? pack(rows[0], x.count == 1) : .tuple(rows.map { pack($0, x.count == 1) })
    }
    func dims(_ json: JSON?) -> [Int?]? { json?.array?.map(\.int) ?? json?.int.map { [$0] } }
    switch name {
    case "jacobian", "func.jacrev": return matrix(jacobian(f, x), hasOneResult)
    case "func.jacfwd": return matrix(jacobianForward(f, x), hasOneResult)
    case "hessian", "func.hessian": return matrix(hessian({ f($0)[0] }, x), x.count == 1)
    case "vjp":
      let (outputs, gradients) = vjp(f, x, v.isEmpty ? nil : v)
      return .tuple([pack(outputs, hasOneResult), pack(gradients, x.count == 1)])
    case "jvp", "func.jvp":
      let (outputs, tangents) = jvp(f, x, v)
      return .tuple([pack(outputs, hasOneResult), pack(tangents, hasOneResult)])
    case "vhp", "hvp":
      let (value, products) = name == "vhp" ? vhp({ f($0)[0] }, x, v) : hvp({ f($0)[0] }, x, v)
      return .tuple([.tensor(value), pack(products, x.count == 1)])
    case "func.grad", "func.grad_and_value":
      let numbers = dims(step["argnums"])?.compactMap { $0 } ?? [0]
      let (gradients, value) = gradAndValue({ f($0)[0] }, x, argnums: numbers)
      let packed = pack(gradients, step["argnums"]?.array == nil)
      return name == "func.grad" ? packed : .tuple([packed, .tensor(value)])
    case "func.vmap":
      let outDims = dims(step["out_dims"])?.compactMap { $0 }
      return pack(vmap(f, inDims: dims(step["in_dims"]), outDims: outDims)(x), hasOneResult)
    case "func.vmap_grad":
      let gradient: ([Tensor]) -> [Tensor] = { gradAndValue({ f($0)[0] }, $0).gradients }
      return pack(vmap(gradient, inDims: dims(step["in_dims"]))(x), true)
    default: throw CallError("unknown transform '\(name)'")
    }
  }
}
