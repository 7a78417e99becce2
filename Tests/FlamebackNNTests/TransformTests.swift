import Flameback
import Testing

@Suite struct TransformTests {
  @Test func functionalCallsDifferentiateByGivenWeights() {
    let model = Linear(3, 2)
    let x = Tensor.randn([4, 3])
    let before = model.weight.detached()
    let weight = Tensor.randn([2, 3]).requiringGrad()
    let result = functionalCall(model, ["weight": weight]) { $0(x) }
    #expect(result.allClose(x.matmul(weight.t()) + model.bias!))
    result.sum().backward()
    #expect(weight.grad!.allClose(x.sum(dim: 0).expand(2, 3), atol: 1e-6))
    #expect(model.weight.equal(before) && model.$weight.grad == nil)
    #expect(throws: OpError.self) {
      try withErrors { _ = functionalCall(model, ["weigth": weight]) { $0(x) } }
    }
  }

  @Test func ensemblesRunUnderOneMap() {
    let models = (0..<3).map { _ in Linear(3, 2) }
    let x = Tensor.randn([4, 3])
    let state = stackModuleState(models)
    #expect(state.parameters["weight"]!.shape == [3, 2, 3] && state.buffers.isEmpty)
    let run = vmap({ parts in
      [functionalCall(models[0], ["weight": parts[0], "bias": parts[1]]) { $0(x) }]
    })
    let results = run([state.parameters["weight"]!, state.parameters["bias"]!])[0]
    for (i, model) in models.enumerated() { #expect(results.select(dim: 0, index: i).allClose(model(x))) }
  }

  @Test func transformsNest() {
    let x = Tensor([0.5, -1.5], shape: [2], dtype: .float64)
    let cube: ([Tensor]) -> Tensor = { $0[0].pow(3).sum() }
    #expect(grad(cube)([x])[0].allClose(x.square() * 3))
    #expect(grad({ grad(cube)($0)[0].sum() })([x])[0].allClose(x * 6))
    let (outputs, derivative) = linearize({ [$0[0].sin() * $0[0]] }, [x])
    #expect(outputs[0].allClose(x.sin() * x))
    let v = Tensor([1.0, 2], shape: [2], dtype: .float64)
    for _ in 0..<2 { #expect(derivative([v])[0].allClose((x.cos() * x + x.sin()) * v)) }
    #expect(hessian(cube, [x])[0][0].allClose((x * 6).diag()))
    #expect(
      jacobian({ [$0[0] * $0[0].sum()] }, [x])[0][0].allClose(jacobianForward({ [$0[0] * $0[0].sum()] }, [x])[0][0]))
  }
}
