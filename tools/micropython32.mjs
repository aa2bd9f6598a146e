// node micropython32.mjs PACKAGE < JOB: runs the steps of a job in one MicroPython (tools/micropython32.py).
// JOB is {"steps": [texts of Python], "folder": what is to be seen in /app, or null}.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const READ_ONLY = 0o444;

const place = path.resolve(process.argv[2]);
const job = JSON.parse(fs.readFileSync(0, "utf8"));
const { loadMicroPython } = await import(pathToFileURL(path.join(place, "micropython.mjs")));
const interpreter = await loadMicroPython({ url: path.join(place, "micropython.wasm"), linebuffer: true });

function lay(from, to) {
    interpreter.FS.mkdir(to);
    for (const name of fs.readdirSync(from)) {
        const source = path.join(from, name);
        const target = `${to}/${name}`;
        if (fs.statSync(source).isDirectory()) {
            lay(source, target);
        } else {
            interpreter.FS.writeFile(target, fs.readFileSync(source));
            interpreter.FS.chmod(target, READ_ONLY);
        }
    }
}

if (job.folder) {
    lay(job.folder, "/app");
}
try {
    for (const step of job.steps) {
        interpreter.runPython(step);
    }
} catch (error) {
    console.error(error.message);
    process.exitCode = 1;
}
