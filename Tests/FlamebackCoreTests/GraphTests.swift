import Flameback
import Testing

@Suite struct GraphTests {
  private let weight = Tensor([0.5, -1, 2], shape: [3])

  private func record() -> Graph {
    trace([Tensor([1.0, 2, 3], shape: [3])], named: [("weight", weight)]) { inputs in
      [(inputs[0] * weight).tanh().detached() + 1.0]
    }
  }

  @Test func aReplayGivesTheSameNumbers() {
    let graph = record()
    let x = Tensor([0.1, 0.2, 0.3], shape: [3])
    #expect(graph([x])[0].scalars(Double.self) == ((x * weight).tanh() + 1.0).scalars(Double.self))
  }

  @Test func aGraphPrintsItsInstructions() {
    let text = record().description
    #expect(text.contains("float64 [3] = mul(%0, %1)"))
    #expect(text.contains("constant(weight)"))
    #expect(text.contains("tanh(%2)"))
  }

  @Test func otherShapesAreRefused() {
    let graph = record()
    #expect(throws: OpError.self) { try withErrors { graph([Tensor([1.0], shape: [1])]) } }
  }

  @Test func gradientsFlowThroughAReplay() {
    let x = Tensor([0.1, 0.2, 0.3], shape: [3], requiresGrad: true)
    let graph = trace([x]) { [$0[0] * $0[0]] }
    graph([x])[0].sum().backward()
    #expect(x.grad!.scalars(Double.self) == [0.2, 0.4, 0.6])
  }

  @Test func drawingsHoldEveryNodeAndEdge() {
    let graph = record()
    let drawing = graph.drawing
    // input, weight, mul, tanh, add, output
    #expect(drawing.nodes.count == 6)
    #expect(drawing.edges.count == 5)
    #expect(drawing.dot.contains("label=\"weight\\nfloat64 [3]\""))
    #expect(drawing.svg.hasPrefix("<svg"))
    let x = Tensor([1.0], shape: [1], requiresGrad: true)
    #expect((x * x + x).gradientGraph.nodes.map(\.title).sorted() == ["add", "leaf", "mul", "output"])
  }
}
