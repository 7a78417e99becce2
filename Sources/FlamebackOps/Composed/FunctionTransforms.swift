import FlamebackCore
import FlamebackKernels

/// The outputs and, for the cotangents `v` of the outputs, the gradients of the inputs.
/// SeeAlso: torch.autograd.functional.vjp, torch.func.vjp
public func vjp(
  _ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor], _ v: [Tensor?]? = nil, createGraph: Bool = false
) -> (outputs: [Tensor], gradients: [Tensor]) {
  enableGrad {
    let leaves = inputs.map { leaf($0, keepsHistory: createGraph) }
    let outputs = function(leaves)
    let gradients = gradientsOrZeros(of: outputs, wrt: leaves, v, createGraph: createGraph)
    return (createGraph ? outputs : outputs.map { $0.detached() }, gradients)
  }
}

/// The outputs and their directional derivatives along the tangents `v` of the inputs.
///
/// Computed by differentiating the gradient, which is linear in its cotangents.
/// SeeAlso: torch.autograd.functional.jvp, torch.func.jvp
public func jvp(
  _ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor], _ v: [Tensor], createGraph: Bool = false
) -> (outputs: [Tensor], tangents: [Tensor]) {
  enableGrad {
    let leaves = inputs.map { leaf($0, keepsHistory: createGraph) }
    let outputs = function(leaves)
    let dummies = outputs.map { Tensor.filled(0, $0.spec).requiringGrad() }
    let gradients = gradientsOrZeros(of: outputs, wrt: leaves, dummies, createGraph: true)
    let tangents = gradientsOrZeros(of: gradients, wrt: dummies, v, createGraph: createGraph)
    return (createGraph ? outputs : outputs.map { $0.detached() }, tangents)
  }
}

/// The derivatives of every output with respect to every input: `[output][input]`, of shape output shape + input shape.
/// SeeAlso: torch.autograd.functional.jacobian, torch.func.jacrev
public func jacobian(
  _ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor], createGraph: Bool = false
) -> [[Tensor]] {
  enableGrad {
    let leaves = inputs.map { leaf($0, keepsHistory: createGraph) }
    return function(leaves).map { output in
      let flat = output.reshape(-1)
      var rows: [[Tensor]] = inputs.map { _ in [] }
      for i in 0..<flat.elementCount {
        let gradients = gradientsOrZeros(
          of: [flat.select(dim: 0, index: i)], wrt: leaves, nil, createGraph: createGraph, retainGraph: true)
        for (k, gradient) in gradients.enumerated() { rows[k].append(gradient) }
      }
      return rows.enumerated().map { k, rows in
        rows.isEmpty
          ? .filled(0, TensorSpec(shape: output.shape + inputs[k].shape, dtype: inputs[k].dtype, device: output.device))
          : Tensor.stack(rows).reshape(output.shape + inputs[k].shape)
      }
    }
  }
}

/// As `jacobian`, one input element after another: better where there are more outputs than inputs.
/// SeeAlso: torch.func.jacfwd
public func jacobianForward(_ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor]) -> [[Tensor]] {
  var columns: [[[Tensor]]] = []  // [input][element][output]
  var shapes: [Shape] = []
  for (k, input) in inputs.enumerated() {
    let basis = Tensor.eye(input.elementCount, dtype: input.dtype, device: input.device)
    columns.append(
      (0..<input.elementCount).map { i in
        var v = inputs.map { Tensor.filled(0, $0.spec) }
        v[k] = basis.select(dim: 0, index: i).reshape(input.shape)
        let (outputs, tangents) = jvp(function, inputs, v)
        shapes = outputs.map(\.shape)
        return tangents
      })
  }
  return shapes.indices.map { o in
    inputs.indices.map { k in
      Tensor.stack(columns[k].map { $0[o] }, dim: -1).reshape(shapes[o] + inputs[k].shape)
    }
  }
}

/// The second derivatives of a function with one element: `[input][input]`. SeeAlso: torch.autograd.functional.hessian
public func hessian(_ function: ([Tensor]) -> Tensor, _ inputs: [Tensor], createGraph: Bool = false) -> [[Tensor]] {
  jacobian(
    { inputs in gradientsOrZeros(of: [function(inputs)], wrt: inputs, nil, createGraph: true) }, inputs,
    createGraph: createGraph)
}

/// The value and the vector `v` times the second derivatives. SeeAlso: torch.autograd.functional.vhp
public func vhp(
  _ function: ([Tensor]) -> Tensor, _ inputs: [Tensor], _ v: [Tensor]
) -> (value: Tensor, products: [Tensor]) {
  enableGrad {
    let leaves = inputs.map { leaf($0, keepsHistory: false) }
    let value = function(leaves)
    let gradients = gradientsOrZeros(of: [value], wrt: leaves, nil, createGraph: true)
    return (value.detached(), gradientsOrZeros(of: gradients, wrt: leaves, v, createGraph: false))
  }
}

/// The value and the second derivatives times the vector `v`; the same numbers as `vhp`, as they are symmetric.
/// SeeAlso: torch.autograd.functional.hvp
public func hvp(
  _ function: ([Tensor]) -> Tensor, _ inputs: [Tensor], _ v: [Tensor]
) -> (value: Tensor, products: [Tensor]) {
  let (gradients, products) = jvp(
    { inputs in gradientsOrZeros(of: [function(inputs)], wrt: inputs, nil, createGraph: true) }, inputs, v)
  _ = gradients
  return (noGrad { function(inputs) }.detached(), products)
}

/// The gradients with respect to the inputs numbered `argnums`, and the value. SeeAlso: torch.func.grad_and_value
public func gradAndValue(
  _ function: ([Tensor]) -> Tensor, _ inputs: [Tensor], argnums: [Int] = [0], createGraph: Bool = false
) -> (gradients: [Tensor], value: Tensor) {
  enableGrad {
    let leaves = inputs.enumerated().map { argnums.contains($0) ? leaf($1, keepsHistory: createGraph) : $1 }
    let value = function(leaves)
    let gradients = gradientsOrZeros(of: [value], wrt: argnums.map { leaves[$0] }, nil, createGraph: createGraph)
    return (gradients, createGraph ? value : value.detached())
  }
}

/// The function that gives the gradients of `function`, which has one element, with respect to the inputs numbered
/// `argnums`; it can be differentiated again. SeeAlso: torch.func.grad
public func grad(_ function: @escaping ([Tensor]) -> Tensor, argnums: [Int] = [0]) -> ([Tensor]) -> [Tensor] {
  { inputs in gradAndValue(function, inputs, argnums: argnums, createGraph: true).gradients }
}

/// The outputs, and the function that gives their directional derivatives along tangents of the inputs without running
/// `function` again. SeeAlso: torch.func.linearize
public func linearize(
  _ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor]
) -> (outputs: [Tensor], derivative: ([Tensor]) -> [Tensor]) {
  enableGrad {
    let leaves = inputs.map { leaf($0, keepsHistory: false) }
    let outputs = function(leaves)
    let dummies = outputs.map { Tensor.filled(0, $0.spec).requiringGrad() }
    let gradients = gradientsOrZeros(of: outputs, wrt: leaves, dummies, createGraph: true)
    return (
      outputs.map { $0.detached() },
      { v in gradientsOrZeros(of: gradients, wrt: dummies, v, createGraph: false, retainGraph: true) }
    )
  }
}

/// `function` for every slice of its arguments along `inDims` (nil: the same for all), the results stacked along `outDims`.
///
/// The function runs once for each slice. SeeAlso: torch.func.vmap
public func vmap(
  _ function: @escaping ([Tensor]) -> [Tensor], inDims: [Int?]? = nil, outDims: [Int]? = nil
) -> ([Tensor]) -> [Tensor] {
  { inputs in
    let dims = inDims ?? inputs.map { _ in 0 }
    let slices = zip(inputs, dims).map { input, dim in dim.map { input.unbind(dim: $0) } }
    let sizes = Set(slices.compactMap { $0?.count })
    guard dims.count == inputs.count, sizes.count == 1, let count = sizes.first else {
      let message = "expected equal sizes along the mapped dims: \(inputs.map(\.spec)), dims \(dims)"
      return [fail("vmap", message, like: inputs.first?.spec)]
    }
    let results = (0..<count).map { i in
      function(inputs.indices.map { slices[$0]?[i] ?? inputs[$0] })
    }
    guard let first = results.first else { return [fail("vmap", "nothing to map over: a size is 0")] }
    return first.indices.map { o in Tensor.stack(results.map { $0[o] }, dim: outDims?[o] ?? 0) }
  }
}

/// A leaf with the input's values, or the input itself where its history shall go on.
private func leaf(_ input: Tensor, keepsHistory: Bool) -> Tensor {
  guard input.dtype.isDifferentiable else { return input }
  return keepsHistory && input.requiresGrad ? input : input.detached().requiringGrad()
}

/// The gradients, zeros where an input does not matter.
private func gradientsOrZeros(
  of outputs: [Tensor], wrt inputs: [Tensor], _ v: [Tensor?]?, createGraph: Bool, retainGraph: Bool? = nil
) -> [Tensor] {
  let used = outputs.indices.filter { outputs[$0].requiresGrad }
  guard !used.isEmpty else { return inputs.map { .filled(0, $0.spec) } }
  return zip(
    grad(
      of: used.map { outputs[$0] }, wrt: inputs, gradOutputs: used.map { v?[$0] }, retainGraph: retainGraph,
      createGraph: createGraph, allowUnused: true),
    inputs
  ).map { $0 ?? .filled(0, $1.spec) }
}
