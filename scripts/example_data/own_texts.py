"""Rows that this script writes by itself, for examples that run with no download: a shop's support, reviews, sums.

All are put together from the sentences below by a seeded generator: same rows on each machine. They are as public as the
rest of this repository, and simpler than what people write; the examples say so where they give figures.
"""
import random

ITEMS = ["lamp", "kettle", "chair", "desk", "rug", "clock", "mirror", "blanket", "teapot", "bookcase", "vase", "stool"]
COLOURS = ["white", "black", "green", "blue", "red", "grey"]
NAMES = ["Ann", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Jane", "Mary", "Peter", "Tom"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]

# What a customer wants: ways to ask it, and the answer.
REQUESTS = [
    (["Where is my {item}?", "My {item} has not come yet.", "When will I get the {item}?"],
     "I am sorry that you are waiting. The {item} will be with you on {day}."),
    (["I want to send the {item} back.", "Can I return the {item}?", "The {item} is not for me. What now?"],
     "You can return the {item} within thirty days. I have sent you a label for it."),
    (["The {item} came broken.", "My {item} is broken.", "There is a crack in the {item}."],
     "I am very sorry. We will send a new {item} on {day}, and you may keep the old one."),
    (["Do you have the {item} in {colour}?", "Is there a {colour} {item}?", "I would like the {item} in {colour}."],
     "Yes, we have the {item} in {colour}. Shall I put one by for you?"),
    (["How much is the {item}?", "What does the {item} cost?", "Tell me the price of the {item}."],
     "The {item} is {price} pounds, and we bring it to your door for free."),
    (["I got a {colour} {item}, but I asked for another colour.", "You sent the {item} in {colour}. That is wrong."],
     "I am sorry about the {colour} {item}. We will bring the right one on {day}."),
    (["Please stop my order of the {item}.", "I do not want the {item} any more.", "Cancel the {item}, please."],
     "Your order of the {item} is cancelled. You will have your money back by {day}."),
    (["Can you bring the {item} on {day}?", "I am at home on {day}. Can the {item} come then?"],
     "Yes, we can bring the {item} on {day}. It will come before noon."),
]
THANKS = [("Thank you.", "You are welcome. Have a good day!"), ("Thanks!", "You are welcome. Have a good day!"),
          ("That is kind.", "I am glad that I could help.")]

PRAISE = ["a delight", "a joy from first to last", "as good as they say", "the best I have seen", "well worth the money",
          "warm and clever", "full of life", "a great success", "lovely in every way", "just what I hoped for"]
BLAME = ["a waste of time", "a bore from first to last", "worse than they say", "the worst I have seen",
         "not worth the money", "cold and dull", "full of faults", "a great mistake", "ugly in every way",
         "not at all what I hoped for"]
FEELING = {"positive": ["I would buy it again.", "I smiled all day.", "My sister loves it too.", "I was happy with it."],
           "negative": ["I want my money back.", "I was sorry that I came.", "My sister hates it too.", "I was sad about it."]}
THINGS = ["The film", "The play", "The book", "This lamp", "This clock", "The story", "The song", "This chair",
          "The ending", "The teapot", "The actor", "The concert"]
SIDE_REMARKS = ["", "", "It came on {day}. ", "{name} told me of it. ", "I saw it on {day}. ", "It is {colour}. "]

COUNTED = ["apples", "books", "letters", "eggs", "cups", "roses", "coins", "ribbons"]


def support(count):
    """`count` different conversations of a customer with a shop, as lists of turns."""
    generator, seen = random.Random("support"), set()
    while len(seen) < count:
        asked, answer = generator.choice(REQUESTS)
        item, name = generator.choice(ITEMS), generator.choice(NAMES)
        # A thing has one price and comes on one day, unless the customer names a day.
        day = generator.choice(DAYS) if "{day}" in asked[0] else DAYS[ITEMS.index(item) % len(DAYS)]
        price = 5 + 4 * ITEMS.index(item)
        values = {"item": item, "colour": generator.choice(COLOURS), "day": day, "price": price}
        greeting, back = generator.choice(
            [("", ""), ("Hello. ", ""), ("Good morning. ", ""), (f"Hello, I am {name}. ", f"Hello, {name}. ")])
        turns = [greeting + generator.choice(asked).format(**values), back + answer.format(**values)]
        if generator.random() < 0.3:
            turns += generator.choice(THANKS)
        if tuple(turns) not in seen:
            seen.add(tuple(turns))
            yield turns


def reviews(count):
    """`count` different reviews, each with `positive` or `negative`."""
    generator, seen = random.Random("reviews"), set()
    while len(seen) < count:
        label = generator.choice(["positive", "negative"])
        verdict = generator.choice(PRAISE if label == "positive" else BLAME)
        remark = generator.choice(SIDE_REMARKS).format(
            day=generator.choice(DAYS), name=generator.choice(NAMES), colour=generator.choice(COLOURS))
        text = f"{generator.choice(THINGS)} is {verdict}. {remark}"
        if generator.random() < 0.5:
            text += generator.choice(FEELING[label])
        text = text.strip()
        if text not in seen:
            seen.add(text)
            yield text, label


def sums(count):
    """`count` different problems of one or two sums, each with its solution in steps."""
    generator, seen = random.Random("sums"), set()
    while len(seen) < count:
        name, things = generator.choice(NAMES), generator.choice(COUNTED)
        first, more = generator.randint(4, 12), generator.randint(2, 9)
        problem = f"{name} has {first} {things}"
        steps = f"{name} begins with {first} {things}."
        if generator.random() < 0.5:
            now = first + more
            problem += f" and gets {more} more"
            steps += f" {more} more come: {first} + {more} = {now}."
        else:
            more = min(more, first - 2)
            now = first - more
            problem += f" and gives {more} away"
            steps += f" {more} go: {first} - {more} = {now}."
        if generator.random() < 0.4:
            again = generator.randint(2, 9)
            problem += f", then finds {again}"
            steps += f" Then {again} more: {now} + {again} = {now + again}."
            now += again
        problem += f". How many {things} are there now?"
        steps += f" So {name} has {now} {things}."
        if problem not in seen:
            seen.add(problem)
            yield problem, steps
