/// The chat page at `/`: one file that needs nothing from elsewhere.
///
/// It asks the server's own endpoint with `draft_depths`, and shows each token that was drafted in the colour of its
/// depth, and the speed and the accept length of each answer as they come.
package enum ChatPage {
    /// What the page may do: its own script and style, and requests to where it came from.
    package static let policy =
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
        + "img-src data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    package static let html = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Falcon</title>
        <link rel="icon" href="data:,">
        <style>
        :root { color-scheme: light dark; --text: #1c1c1e; --back: #fff; --soft: #f0f0f3; --line: #d0d0d6;
          --dim: #6a6a72;
          --d1: #00737a; --d2: #0b6e33; --d3: #1f4fbf; --d4: #8a2f9e; --d5: #8a6100; --d6: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --text: #ececf0; --back: #17171a; --soft: #242429;
          --line: #3a3a42; --dim: #9a9aa4;
          --d1: #5fd7de; --d2: #7ddf9a; --d3: #92b4ff; --d4: #e0a0f0; --d5: #ecc46a; --d6: #ff9d94; } }
        * { box-sizing: border-box; }
        body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
          display: flex; flex-direction: column; height: 100vh; }
        header, footer { padding: .6rem 1rem; border-bottom: 1px solid var(--line); display: flex; gap: .8rem;
          align-items: center; flex-wrap: wrap; }
        footer { border-top: 1px solid var(--line); border-bottom: 0; }
        header b { font-size: 1.1rem; } header span { color: var(--dim); font-size: .85rem; }
        main { flex: 1; overflow-y: auto; padding: 1rem; }
        .turn { max-width: 46rem; margin: 0 auto 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
        .user { background: var(--soft); border-radius: .6rem; padding: .5rem .8rem; }
        .note { color: var(--dim); font-size: .8rem; margin-top: .2rem; }
        .error { color: var(--d6); }
        .d1 { color: var(--d1); } .d2 { color: var(--d2); } .d3 { color: var(--d3); }
        .d4 { color: var(--d4); } .d5 { color: var(--d5); } .d6 { color: var(--d6); }
        textarea { flex: 1; min-width: 12rem; font: inherit; color: inherit; background: var(--soft); resize: vertical;
          border: 1px solid var(--line); border-radius: .5rem; padding: .5rem; }
        button { font: inherit; padding: .45rem .9rem; border: 1px solid var(--line); border-radius: .5rem;
          background: var(--soft); color: inherit; cursor: pointer; }
        input { font: inherit; width: 9rem; color: inherit; background: var(--soft); border: 1px solid var(--line);
          border-radius: .4rem; padding: .2rem .4rem; }
        </style>
        </head>
        <body>
        <header><b>Falcon</b><span id="model"></span>
          <span>drafted tokens: <i class="d1">1st</i> <i class="d2">2nd</i> <i class="d3">3rd</i> <i class="d4">4th</i>
          <i class="d5">5th</i> <i class="d6">deeper</i></span>
          <label id="keybox" hidden>Key <input id="key" type="password" autocomplete="off"></label>
          <button id="reset" type="button">New chat</button></header>
        <main id="chat" aria-live="polite"></main>
        <footer><textarea id="question" rows="2" placeholder="Ask something" aria-label="Question" autofocus></textarea>
          <button id="send" type="button">Send</button></footer>
        <script>
        'use strict';
        const at = id => document.getElementById(id);
        let messages = [], model = null, running = null;
        const headers = () => {
          const all = {'Content-Type': 'application/json'};
          if (at('key').value) all.Authorization = 'Bearer ' + at('key').value;
          return all;
        };
        const add = (kind, text) => {
          const turn = document.createElement('div');
          turn.className = 'turn ' + kind;
          turn.textContent = text;
          at('chat').append(turn);
          turn.scrollIntoView({block: 'end'});
          return turn;
        };
        async function findModel() {
          const answer = await fetch('/v1/models', {headers: headers()});
          if (answer.status === 401) { at('keybox').hidden = false; throw new Error('give the key of this server'); }
          model = (await answer.json()).data[0].id;
          at('model').textContent = model;
        }
        function show(answer, tokens) {
          for (const {text, depth} of tokens) {
            const piece = depth ? document.createElement('span') : null;
            if (piece) { piece.className = 'd' + Math.min(depth, 6); piece.textContent = text; }
            answer.append(piece || text);
          }
        }
        async function ask(question) {
          add('user', question);
          const answer = add('assistant', ''), note = add('note', '');
          const asked = messages.concat({role: 'user', content: question});
          running = new AbortController();
          at('send').textContent = 'Stop';
          let text = '', count = 0, accepted = 0, first = 0;
          try {
            if (!model) await findModel();
            const reply = await fetch('/v1/chat/completions', {method: 'POST', headers: headers(),
              signal: running.signal, body: JSON.stringify({
                model, messages: asked, stream: true, temperature: 0, draft_depths: true})});
            if (!reply.ok) throw new Error((await reply.json()).error.message);
            const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
            for (let rest = '';;) {
              const {value, done} = await reader.read();
              if (done) break;
              const events = (rest + value).split('\n\n');
              rest = events.pop();
              for (const event of events) {
                const data = event.slice(6);
                if (data === '[DONE]') continue;
                const chunk = JSON.parse(data);
                if (chunk.error) throw new Error(chunk.error.message);
                const choice = chunk.choices[0];
                if (!choice || !choice.draft_depths) continue;
                first = first || performance.now();
                show(answer, choice.draft_depths);
                text += choice.delta.content || '';
                count += choice.draft_depths.length;
                accepted += choice.draft_depths.filter(token => token.depth > 0).length;
                const seconds = (performance.now() - first) / 1000, passes = count - 1 - accepted;
                note.textContent = count + ' tokens, ' + (seconds > 0 ? ((count - 1) / seconds).toFixed(1) : '-')
                  + ' tokens/s, accept length ' + (passes > 0 ? (accepted / passes).toFixed(2) : '-');
                note.scrollIntoView({block: 'end'});
              }
            }
            messages = asked.concat({role: 'assistant', content: text});
          } catch (problem) {
            // A stopped answer stays on the page; the conversation goes on without it.
            note.textContent += problem.name === 'AbortError' ? ' (stopped)' : ' ' + problem.message;
            if (problem.name !== 'AbortError') note.classList.add('error');
          }
          running = null;
          at('send').textContent = 'Send';
        }
        function send() {
          if (running) return running.abort();
          const question = at('question').value.trim();
          if (!question) return;
          at('question').value = '';
          ask(question);
        }
        at('send').onclick = send;
        at('question').onkeydown = event => {
          if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); if (!running) send(); }
        };
        at('reset').onclick = () => { if (running) running.abort(); messages = []; at('chat').textContent = ''; };
        at('key').onchange = () => findModel().catch(() => {});
        findModel().catch(() => {});
        </script>
        </body>
        </html>
        """#
}
