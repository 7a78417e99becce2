import FlamebackTesting
import Foundation

let arguments = CommandLine.arguments
let rest = Array(arguments.dropFirst(2))
switch arguments.dropFirst().first {
case "onnx": exit(ONNXNodeTests.main(rest))
case "onnx-export": exit(ONNXExportTests.main(rest))
default: exit(ConformanceCommand.main(arguments))
}
