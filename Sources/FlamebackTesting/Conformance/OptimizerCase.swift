import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One case of kind `optim`: the trajectory of the parameters and the state at its end.
struct OptimizerCase {
  let file: CaseFile
  let json: JSON
  let device: Device

  private func cells() throws -> [ParameterCell] {
    try (json["params"]?.array ?? []).map { ParameterCell(try file.tensor($0, device: device)) }
  }

  private func build(_ cells: [ParameterCell]) throws -> Optimizer {
    let inputs = try (json["inputs"]?.array ?? []).map { try file.tensor($0, device: device) }
    var groups = [ParameterGroup(cells)]
    if let recorded = json["param_groups"]?.array {
      groups = try recorded.map { group in
        try OptimizerTable.group(
          (group["params"]?.array ?? []).compactMap(\.int).map { cells[$0] },
          file.keywords(group["kwargs"], inputs: inputs))
      }
    }
    return try withErrors {
      try OptimizerTable.build(
        json["optimizer"]?.string ?? "", groups, file.keywords(json["kwargs"], inputs: inputs))
    }
  }

  func run() throws {
    let cells = try cells()
    if json["error"]?.bool == true {
      do { _ = try build(cells) } catch let error as UnknownOperation { throw error } catch { return }
      throw Mismatch("must fail: \(json["message"]?.string ?? "")")
    }
    let optimizer = try build(cells)
    var comparison = Comparison(file: file, json: json)
    for (t, expected) in (json["expect"]?.array ?? []).enumerated() {
      try withErrors {
        if json["objective"] != nil { try stepObjective(optimizer, cells[0], t) } else { try step(optimizer, cells, t) }
      }
      for (i, descriptor) in (expected.array ?? []).enumerated() {
        try comparison.compare(cells[i].tensor, descriptor, place: "parameter \(i) after step \(t + 1)")
      }
    }
    guard let state = json["state_dict"] else { return }
    try compareState(optimizer.stateDict(), state, comparison)
  }

  private func step(_ optimizer: Optimizer, _ cells: [ParameterCell], _ t: Int) throws {
    if let gradients = json["sparse_grads"]?[t]?.array {
      for (cell, gradient) in zip(cells, gradients) {
        cell.sparseGrad =
          gradient.isNull
          ? nil
          : SparseTensor(
            indices: try file.tensor(gradient["indices"] ?? .null, device: device),
            values: try file.tensor(gradient["values"] ?? .null, device: device), shape: cell.shape)
      }
      return optimizer.step()
    }
    guard let gradients = json["grads"]?[t]?.array else { throw Mismatch("there are no gradients for step \(t)") }
    for (cell, gradient) in zip(cells, gradients) {
      cell.grad = gradient.isNull ? nil : try file.tensor(gradient, device: device)
    }
    optimizer.step()
  }

  /// LBFGS minimises a function: `0.5 xᵀAx - bᵀx`, or Rosenbrock's.
  private func stepObjective(_ optimizer: Optimizer, _ x: ParameterCell, _ t: Int) throws {
    let isQuadratic = json["objective"]?.string == "quadratic"
    let a = isQuadratic ? try file.tensor(json["A"] ?? .null, device: device) : nil
    let b = isQuadratic ? try file.tensor(json["b"] ?? .null, device: device) : nil
    var evaluations = 0
    var unknown: (any Error)?
    let loss = optimizer.step {
      evaluations += 1
      optimizer.zeroGrad()
      do {
        let loss = try a == nil ? OptimizerCase.rosenbrock(x.tensor) : OptimizerCase.quadratic(x.tensor, a!, b!)
        loss.backward()
        return loss
      } catch {
        unknown = error
        return Tensor([Double.nan], shape: [])
      }
    }
    if let unknown { throw unknown }
    let wanted = try CaseFile.number(json["losses"]?[t] ?? .null)
    let (rtol, atol) = (json["rtol"]?.double ?? 0, json["atol"]?.double ?? 0)
    guard abs(loss.itemDouble() - wanted) <= atol + rtol * abs(wanted) else {
      throw Mismatch("loss of step \(t + 1) is \(loss.itemDouble()), expected \(wanted)")
    }
    if let count = json["evaluations"]?[t]?.int, count != evaluations {
      throw Mismatch("step \(t + 1) made \(evaluations) evaluations, expected \(count)")
    }
  }

  private static func call(_ name: String, _ args: Value...) throws -> Tensor {
    guard let entry = OperatorTable.find(name)?.entry, let result = try entry(Call(name, args)).tensor else {
      throw UnknownOperation(name)
    }
    return result
  }

  private static func quadratic(_ x: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    let product = try call("mv", .tensor(a), .tensor(x))
    let square = try call("mul", .tensor(call("dot", .tensor(x), .tensor(product))), .float(0.5))
    return try call("sub", .tensor(square), .tensor(call("dot", .tensor(b), .tensor(x))))
  }

  private static func rosenbrock(_ x: Tensor) throws -> Tensor {
    let count = x.elementCount - 1
    let head = try call("narrow", .tensor(x), .int(0), .int(0), .int(count))
    let tail = try call("narrow", .tensor(x), .int(0), .int(1), .int(count))
    let first = try call("square", .tensor(call("sub", .tensor(tail), .tensor(call("square", .tensor(head))))))
    let second = try call("square", .tensor(call("rsub", .tensor(head), .int(1))))
    return try call("sum", .tensor(call("add", .tensor(call("mul", .tensor(first), .int(100))), .tensor(second))))
  }

  private func compareState(_ state: StateValue, _ expected: JSON, _ comparison: Comparison) throws {
    var comparison = comparison
    comparison.mixesNumbers = true
    let entries = expected["state"]?.object ?? [:]
    let own: [Int: StateValue] = if case .indexed(let values)? = state["state"] { values } else { [:] }
    guard Set(own.keys.map(String.init)) == Set(entries.keys) else {
      throw Mismatch("the state dict has parameters \(own.keys.sorted()), expected \(entries.keys)")
    }
    for entry in entries {
      guard let values = own[Int(entry.key) ?? -1], case .dict(let named) = values else { continue }
      let names = Set(named.map(\.0))
      let wanted = Set(entry.value.object?.keys ?? [])
      guard names == wanted else {
        throw Mismatch("the state of parameter \(entry.key) has \(names.sorted()), expected \(wanted.sorted())")
      }
      for member in entry.value.object ?? [:] {
        try comparison.compare(
          Value(values[member.key] ?? .none), member.value, label: "state \(entry.key) '\(member.key)'")
      }
    }
    let groups = state["param_groups"]?.elements ?? []
    for (i, group) in (expected["param_groups"]?.array ?? []).enumerated() {
      guard i < groups.count else { throw Mismatch("the state dict has \(groups.count) groups") }
      let members = (group["dict"] ?? group).object ?? [:]
      for member in members {
        guard let value = groups[i][member.key] else { throw Mismatch("group \(i) lacks '\(member.key)'") }
        if let numbers = member.value.array {
          guard value.elements?.compactMap(\.int) == numbers.compactMap(\.int) else {
            throw Mismatch("group \(i) '\(member.key)' differs")
          }
          continue
        }
        try comparison.compare(Value(value), member.value, label: "group \(i) '\(member.key)'")
      }
    }
  }
}

extension Value {
  /// A saved state in the terms of recorded calls.
  init(_ state: StateValue) {
    switch state {
    case .none: self = .none
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .float(value)
    case .string(let value): self = .string(value)
    case .tensor(let tensor): self = .tensor(tensor)
    case .list(let values): self = .list(values.map(Value.init))
    case .tuple(let values): self = .tuple(values.map(Value.init))
    case .dict(let entries): self = .dict(entries.map { ($0.0, Value($0.1)) })
    case .indexed(let entries):
      self = .dict(entries.sorted { $0.key < $1.key }.map { (String($0.key), Value($0.value)) })
    }
  }
}
