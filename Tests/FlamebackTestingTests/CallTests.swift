import Flameback
import Testing

@testable import FlamebackTesting

@Suite struct CallTests {
  @Test func readsByPositionOrName() throws {
    let call = Call("f", [.tensor(Tensor([1.0], shape: [1])), .int(2)], [("keepdim", .bool(true)), ("axis", .int(3))])
    #expect(try call.tensor(0, "input").scalars(Double.self) == [1])
    #expect(try call.int(1, "k") == 2)
    #expect(try call.bool(2, "keepdim"))
    #expect(try call.int(nil, "dim") == 3)  // numpy's name
    try call.finish()
  }

  @Test func argumentsThatNobodyReadAreErrors() throws {
    let position = Call("f", [.int(1), .int(2)])
    _ = try position.int(0, "a")
    #expect(throws: CallError.self) { try position.finish() }
    let named = Call("f", [], [("b", .none)])
    #expect(throws: CallError.self) { try named.finish() }
  }

  @Test func wrongTypesAreErrors() {
    #expect(throws: CallError.self) { try Call("f", [.string("x")]).int(0, "a") }
    #expect(throws: CallError.self) { try Call("f", []).tensor(0, "input") }
    #expect(throws: CallError.self) { try Call("f", [.int(1)], [("a", .int(2))]).int(0, "a") }
  }

  @Test func defaultsStandInForNone() throws {
    let call = Call("f", [.none])
    #expect(try call.int(0, "a", default: 7) == 7)
    #expect(try call.double(1, "b", default: 0.5) == 0.5)
    #expect(try call.optionalInts(2, "c") == nil)
    try call.finish()
  }

  @Test func sizesComeInBothForms() throws {
    #expect(try Call("f", [.int(2), .int(3)]).sizes(0, "size") == [2, 3])
    #expect(try Call("f", [.tuple([.int(2), .int(3)])]).sizes(0, "size") == [2, 3])
    #expect(try Call("f", []).sizes(0, "size") == [])
    #expect(try Call("f", [.int(3)]).ints(0, "kernel_size", count: 2) == [3, 3])
  }

  @Test func namesAreFoundBySpelling() {
    #expect(OperatorTable.find("abs")?.isInPlace == false)
    #expect(OperatorTable.find("Tensor.abs")?.isInPlace == false)
    #expect(OperatorTable.find("Tensor.abs_")?.isInPlace == true)
    #expect(OperatorTable.find("absolute_", op: "abs", aliases: ["absolute"])?.isInPlace == true)
    #expect(OperatorTable.find("no such operation") == nil)
  }
}
