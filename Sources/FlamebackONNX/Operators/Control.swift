import Flameback
import FlamebackCore

extension Operator {
  static let control: [String: Operator] = [
    "If": Operator(settings: [0]) { call in
      guard let condition = try call.number(0)?.bool else { throw call.error("needs a condition") }
      let body = try call.body(condition ? "then_branch" : "else_branch")
      return try body.plan([], captured: body.captures, in: call.run).map(\.tensor)
    },
    "Loop": Operator(settings: [0, 1]) { call in
      let body = try call.body("body")
      let limit = min(try call.number(0)?.int ?? Int.max, call.run.limits.iterations)
      var goesOn = try call.number(1)?.bool ?? true
      var state = try (2..<max(2, call.inputs.count)).map {
        Value(tensor: try call($0), isStatic: call.inputs[$0]!.isStatic)
      }
      let scans = body.plan.outputs.count - 1 - state.count
      try call.require(
        scans >= 0 && body.plan.inputs.count == 2 + state.count,
        "the body takes \(body.plan.inputs.count) inputs for \(state.count) values")
      var collected: [[Tensor]] = Array(repeating: [], count: scans)
      var i = 0
      while goesOn, i < limit {
        let given = [Tensor([i], shape: []), Tensor([goesOn], shape: [])].map { Value(tensor: $0, isStatic: true) }
        let results = try body.plan(given + state, captured: body.captures, in: call.run)
        goesOn = try condition(call, results[0])
        state = Array(results[1..<(1 + state.count)])
        for (k, value) in results[(1 + state.count)...].enumerated() { collected[k].append(value.tensor) }
        i += 1
      }
      let stacked = try collected.map { steps in
        guard !steps.isEmpty else { throw call.error("collects outputs of no turn, whose shape nobody knows") }
        return Tensor.stack(steps)
      }
      return state.map(\.tensor) + stacked
    },
    "Scan": Operator { try scan($0) },
  ]

  /// Whether a loop goes on: an element that is read, like a size.
  private static func condition(_ call: Call, _ value: Value) throws -> Bool {
    let reader = Call(
      node: ONNXNode(op: call.node.op, inputs: ["the condition"], outputs: []), opset: call.opset, inputs: [value],
      run: call.run)
    return try reader.number(0)?.bool ?? false
  }

  private static func scan(_ call: Call) throws -> [Tensor] {
    let body = try call.body("body")
    try call.require(call.opset >= 9, "version 8 is not supported")
    guard let count = try call.int("num_scan_inputs"), count > 0, count <= call.inputs.count else {
      throw call.error("needs num_scan_inputs")
    }
    let states = call.inputs.count - count
    let outputs = body.plan.outputs.count - states
    try call.require(outputs >= 0 && body.plan.inputs.count == call.inputs.count, "the body does not fit the inputs")
    func list(_ name: String, _ count: Int) throws -> [Int] {
      let given = try call.ints(name) ?? Array(repeating: 0, count: count)
      try call.require(given.count == count, "\(name) must have \(count) entries")
      return given
    }
    let axes = try list("scan_input_axes", count)
    let directions = try list("scan_input_directions", count)
    let outAxes = try list("scan_output_axes", outputs)
    let outDirections = try list("scan_output_directions", outputs)
    var sequences: [[Tensor]] = []
    for k in 0..<count {
      let x = try call(states + k)
      let steps = x.unbind(dim: try call.axis(axes[k], rank: x.rank))
      sequences.append(directions[k] == 1 ? steps.reversed() : steps)
    }
    let length = sequences[0].count
    try call.require(sequences.allSatisfy { $0.count == length } && length > 0, "sequences of different lengths")
    var state = try (0..<states).map { Value(tensor: try call($0), isStatic: false) }
    var collected: [[Tensor]] = Array(repeating: [], count: outputs)
    for t in 0..<length {
      let given = sequences.map { Value(tensor: $0[t], isStatic: false) }
      let results = try body.plan(state + given, captured: body.captures, in: call.run)
      state = Array(results[..<states])
      for (k, value) in results[states...].enumerated() { collected[k].append(value.tensor) }
    }
    let stacked = try collected.enumerated().map { k, steps in
      Tensor.stack(
        outDirections[k] == 1 ? steps.reversed() : steps, dim: try call.axis(outAxes[k], rank: steps[0].rank + 1))
    }
    return state.map(\.tensor) + stacked
  }
}
