import Flameback
import Testing

// What PyTorch 2.15 prints for the same tensors.
@Suite struct PrintingTests {
  @Test func numbers() {
    #expect("\(Tensor(3))" == "tensor(3)")
    #expect("\(Tensor([1.0, 2.5, -3]))" == "tensor([ 1.0000,  2.5000, -3.0000])")
    #expect("\(Tensor([1.0, 2, -3]))" == "tensor([ 1.,  2., -3.])")
    #expect("\(Tensor([1e-5, 1]))" == "tensor([1.0000e-05, 1.0000e+00])")
    #expect("\(Tensor([Double.nan, .infinity, 1]))" == "tensor([nan, inf, 1.])")
    #expect("\(Tensor([true, false]))" == "tensor([ True, False])")
    #expect("\(Tensor([1, 2], dtype: .int32))" == "tensor([1, 2], dtype=torch.int32)")
    #expect("\(Tensor.zeros(0, 3))" == "tensor([], size=(0, 3))")
    #expect("\(Tensor.complex(Tensor([1.0]), Tensor([-0.5])))" == "tensor([1.-0.5000j])")
  }

  @Test func nestedAndSummarised() {
    #expect(
      "\(Tensor.arange(8).view(2, 2, 2))" == """
        tensor([[[0, 1],
                 [2, 3]],

                [[4, 5],
                 [6, 7]]])
        """)
    #expect("\(Tensor.arange(1001))" == "tensor([   0,    1,    2,  ...,  998,  999, 1000])")
    #expect(
      "\(Tensor.zeros(2000, 2))" == """
        tensor([[0., 0.],
                [0., 0.],
                [0., 0.],
                ...,
                [0., 0.],
                [0., 0.],
                [0., 0.]])
        """)
  }

  @Test func gradients() {
    let x = Tensor([1.0, 2], requiresGrad: true)
    #expect("\(x)" == "tensor([1., 2.], requires_grad=True)")
    #expect("\(x * 2)" == "tensor([2., 4.], grad_fn=<MulBackward0>)")
  }
}
