import Flameback
import Testing

@Suite struct AutocastTests {
  private let x = Tensor([[1.0, 2.0], [3.0, 4.0]])
  private let weight = Tensor([[0.5, -1.0], [2.0, 0.25]]).requiringGrad()

  @Test func productsComputeInTheLowerDTypeAndParametersKeepTheirs() {
    let y = autocast { x.matmul(weight) }
    #expect(y.dtype == .bfloat16)
    #expect(y.scalars(Float.self) == [4.5, -0.5, 9.5, -2])
    y.sum().backward()
    #expect(weight.grad?.dtype == .float32)
    #expect(weight.grad?.scalars(Float.self) == [4, 4, 6, 6])
    #expect(autocast(.float16) { x.matmul(weight) }.dtype == .float16)
    #expect(x.matmul(weight).dtype == .float32)
  }

  @Test func convolutionsLinearLayersAndLosses() {
    let image = Tensor.ones([1, 1, 4, 4])
    let layer = Linear(2, 3)
    autocast {
      #expect(Context.autocastDType == .bfloat16)
      #expect(image.conv2d(Tensor.ones([1, 1, 3, 3])).dtype == .bfloat16)
      let logits = layer(x)
      #expect(logits.dtype == .bfloat16)
      #expect(logits.softmax(dim: 1).dtype == .float32)
      #expect(logits.crossEntropy(Tensor([0, 2])).dtype == .float32)
      #expect((logits + x.sum()).dtype == .bfloat16)
      autocast(enabled: false) { #expect(layer(x).dtype == .float32) }
    }
    #expect(Context.autocastDType == nil)
  }

  @Test func aLayerLearnsAsInFloat32() {
    manualSeed(0)
    let inputs = Tensor.randn([64, 4])
    let targets = (inputs.sum(dim: 1) .> 0).to(.int64)
    let model = Sequential(Linear(4, 16), ReLU(), Linear(16, 2))
    let optimizer = Adam(model.parameters(), lr: 0.02)
    var loss = 0.0
    for _ in 0..<60 {
      optimizer.zeroGrad()
      let value = autocast { model(inputs).crossEntropy(targets) }
      value.backward()
      optimizer.step()
      loss = value.itemDouble()
    }
    #expect(loss < 0.2)
    #expect(model.parameters().allSatisfy { $0.dtype == .float32 })
  }

  @Test func otherDTypesAreRefused() {
    #expect(throws: OpError.self) { try withErrors { autocast(.float64) { x.matmul(x) } } }
    #expect(throws: OpError.self) { try withErrors { autocast(.int32) { x.matmul(x) } } }
  }
}
