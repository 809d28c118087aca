#!/usr/bin/env python3
"""Holds a conversation on the chat page of a running falcon-serve in headless Chromium, in light and in dark:

    falcon-serve --target Checkpoints/target --draft lookup --tree chain:4 --port 8080 &
    apt-get install chromium chromium-driver && pip install selenium
    python3 Benchmarks/serve_page.py http://127.0.0.1:8080/ FOLDER

Writes light.png and dark.png into FOLDER. Exit status 1 where an answer is missing, no token is coloured although some
were drafted, the page asks anybody else for anything, or the console has an error.
"""

import json
import os
import sys
import time

# Selenium would look for drivers and send figures elsewhere.
os.environ.update(SE_OFFLINE="true", SE_AVOID_STATS="true")
import selenium.webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

address, folder = sys.argv[1], sys.argv[2]
questions = ["What is 12 plus 7? What is 12 plus 7?", "And what is 12 plus 7?"]


def converse(scheme):
    options = selenium.webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=900,700"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.webdriver.Chrome(options=options)
    try:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get(address)
        find = lambda selector: browser.find_elements(By.CSS_SELECTOR, selector)
        for question in questions:
            find("#question")[0].send_keys(question, Keys.ENTER)
            end = time.monotonic() + 120
            while find("#send")[0].text != "Send" or not find("#chat .note"):
                assert time.monotonic() < end, "no answer"
                time.sleep(0.1)
        browser.save_screenshot(f"{folder}/{scheme}.png")
        answers = [element.text for element in find("#chat .assistant")]
        notes = [element.text for element in find("#chat .note")]
        coloured = [element.text for element in find("#chat .assistant span")]
        background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = {
            event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"
        }
        errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        browser.quit()
    print(f"{scheme}: background {background}, {len(coloured)} coloured tokens; {'; '.join(notes)}")
    for question, answer in zip(questions, answers):
        print(f"  {question!r}: {answer!r}")
    others = [url for url in asked if not url.startswith(address)]
    print(f"  asked: {sorted(asked)}; errors: {errors}")
    drafted = any(not note.endswith("accept length 0.00") for note in notes)
    return len(answers) == len(questions) and all(answers) and not others and not errors and (coloured or not drafted)


sys.exit(0 if all([converse("light"), converse("dark")]) else 1)
