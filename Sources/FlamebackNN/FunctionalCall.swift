import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Calls `body` with a module whose parameters and buffers named in `state` have those values: gradients flow to the
/// tensors of `state`, and afterwards the module is as before.
///
///     functionalCall(model, weights) { $0(x).crossEntropy(y) }
///
/// SeeAlso: torch.func.functional_call
public func functionalCall<M: Module, R>(_ module: M, _ state: StateDict, _ body: (M) throws -> R) rethrows -> R {
  let cells = Dictionary(module.namedState.map { ($0.name, $0.cell) }) { first, _ in first }
  var undo: [() -> Void] = []
  defer { for restore in undo.reversed() { restore() } }
  for (key, tensor) in state {
    guard let cell = cells[key], cell.tensor.shape == tensor.shape else {
      let found = cells[key].map { "\($0.tensor.spec)" } ?? "no such entry"
      report(OpError("functionalCall", "'\(key)' is \(tensor.spec), the module has \(found)"))
      continue
    }
    if let parameter = cell as? ParameterCell {
      undo.append(parameter.substitute(tensor))
    } else {
      let old = cell.tensor
      cell.tensor = tensor
      undo.append { cell.tensor = old }
    }
  }
  return try body(module)
}

/// The states of equal modules, stacked along a new first dimension: what `vmap` over an ensemble maps.
/// SeeAlso: torch.func.stack_module_state
public func stackModuleState(_ modules: [Module]) -> (parameters: StateDict, buffers: StateDict) {
  func stacked(_ entries: [[(String, Tensor)]]) -> StateDict {
    guard let first = entries.first else { return StateDict() }
    guard entries.allSatisfy({ $0.map(\.0) == first.map(\.0) }) else {
      report(OpError("stackModuleState", "the modules have different states"))
      return StateDict()
    }
    return StateDict(first.indices.map { i in (first[i].0, Tensor.stack(entries.map { $0[i].1 })) })
  }
  return (
    stacked(modules.map { $0.namedParameters.map { ($0.name, $0.parameter.tensor.detached()) } }),
    stacked(modules.map { $0.namedBuffers.map { ($0.name, $0.buffer.tensor) } })
  )
}
